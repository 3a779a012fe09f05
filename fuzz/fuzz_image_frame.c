/* What the image worker answers, after it has seen a stranger's picture. */
#include "fuzz.h"

#include "buffer.h"
#include "image_frame.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_size sizes[IMAGE_SIZES];
    struct error error = {0};
    size_t count = 0;
    if (image_frame_read(data, size, sizes, &count, &error) < 0) {
        demand(error.code == ERROR_INVALID);
        return 0;
    }
    CLEANUP_BUFFER struct buffer again = BUFFER_INIT;
    demand(count >= 1 && count <= IMAGE_SIZES);
    for (size_t i = 0; i < count; i++) {
        demand(sizes[i].width <= IMAGE_MAX_WIDTH && sizes[i].height <= IMAGE_MAX_HEIGHT);
        demand(i == 0 || sizes[i].width < sizes[i - 1].width);
    }
    image_frame_write(&again, sizes, count);
    demand(again.length == size && memcmp(again.data, data, size) == 0);
    return 0;
}
