/* Runs a fuzz target over the files of its corpus, and over each cut short and with a byte
 * changed, so that every normal test run has what fuzzing has found: replay DIRECTORY. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    LARGEST = 1 << 20,
};

/* In a block of its own size, so that AddressSanitizer sees a read behind the end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_variants(uint8_t *data, size_t size)
{
    size_t step = size / 64 + 1;
    run(data, size);
    for (size_t at = 0; at < size; at += step) {
        run(data, at);
        uint8_t kept = data[at];
        data[at] ^= (uint8_t)(1u << at % 8);
        run(data, size);
        data[at] = kept;
    }
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    if (!dir) {
        fprintf(stderr, "replay DIRECTORY\n");
        return 2;
    }
    static uint8_t data[LARGEST];
    size_t files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        FILE *file = fopen(path, "rb");
        if (!file) {
            perror(path);
            return 1;
        }
        run_variants(data, fread(data, 1, sizeof(data), file));
        fclose(file);
        files++;
    }
    closedir(dir);
    printf("%zu files\n", files);
    return files ? 0 : 1;
}
