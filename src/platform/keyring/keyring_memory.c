#include "keyring_local.h"
#include "secure.h"

#include <stdlib.h>

static int memory_rotate(struct keyring *keyring, struct error *error)
{
    (void)error;
    struct master_key master = master_key_new();
    keyring_local_add((struct keyring_local *)keyring, &master);
    return 0;
}

static void memory_close(struct keyring *keyring)
{
    keyring_local_release((struct keyring_local *)keyring);
    free(keyring);
}

static const struct keyring_ops memory_ops = {
    .generate = keyring_local_generate,
    .unwrap = keyring_local_unwrap,
    .mac = keyring_local_mac,
    .rotate = memory_rotate,
    .close = memory_close,
};

struct keyring *keyring_memory_new(void)
{
    struct keyring_local *local = calloc(1, sizeof(*local));
    if (!local)
        abort();
    keyring_local_init(local, &memory_ops);
    secure_random(local->mac_root, sizeof(local->mac_root));
    memory_rotate(&local->base, NULL);
    return &local->base;
}
