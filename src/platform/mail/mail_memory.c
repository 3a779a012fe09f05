#include "buffer.h"
#include "mail.h"
#include "mime.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct mail_memory {
    struct mail base;
    pthread_mutex_t lock;
    char **texts;
    size_t count, capacity;
};

static int memory_send(struct mail *mail, const struct mail_message *message, struct error *error)
{
    struct mail_memory *memory = (struct mail_memory *)mail;
    struct buffer text = BUFFER_INIT;
    int rc = mime_write(&text, message, error);
    if (rc != 0) {
        buffer_release(&text);
        return rc;
    }
    pthread_mutex_lock(&memory->lock);
    if (memory->count == memory->capacity) {
        memory->capacity = memory->capacity ? memory->capacity * 2 : 16;
        memory->texts = realloc(memory->texts, memory->capacity * sizeof(*memory->texts));
        if (!memory->texts)
            abort();
    }
    memory->texts[memory->count++] = buffer_take(&text);
    pthread_mutex_unlock(&memory->lock);
    return 0;
}

static void memory_close(struct mail *mail)
{
    struct mail_memory *memory = (struct mail_memory *)mail;
    for (size_t i = 0; i < memory->count; i++)
        free(memory->texts[i]);
    free(memory->texts);
    pthread_mutex_destroy(&memory->lock);
    free(memory);
}

static const struct mail_ops memory_ops = {.send = memory_send, .close = memory_close};

struct mail *mail_memory_new(void)
{
    struct mail_memory *memory = calloc(1, sizeof(*memory));
    if (!memory)
        abort();
    memory->base.ops = &memory_ops;
    pthread_mutex_init(&memory->lock, NULL);
    return &memory->base;
}

size_t mail_memory_count(struct mail *mail)
{
    assert(mail->ops == &memory_ops);
    struct mail_memory *memory = (struct mail_memory *)mail;
    pthread_mutex_lock(&memory->lock);
    size_t count = memory->count;
    pthread_mutex_unlock(&memory->lock);
    return count;
}

const char *mail_memory_get(struct mail *mail, size_t index)
{
    assert(mail->ops == &memory_ops);
    struct mail_memory *memory = (struct mail_memory *)mail;
    pthread_mutex_lock(&memory->lock);
    const char *text = index < memory->count ? memory->texts[index] : NULL;
    pthread_mutex_unlock(&memory->lock);
    return text;
}
