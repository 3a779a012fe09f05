/*
 * picture_maker FORMAT WIDTH HEIGHT [OPTION...]: a picture on standard output, made by libvips.
 * FORMAT is jpeg, png, webp, gif or tiff; options: turned (EXIF orientation 6), cmyk, alpha, deep
 * (16 bits), interlaced, noise, private (metadata that must not get out).
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vips/vips.h>

#ifdef __SANITIZE_THREAD__
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_bugs=0"; /* libvips and GLib are not instrumented */
}
#endif

static int has(char **options, const char *name)
{
    for (; *options; options++)
        if (strcmp(*options, name) == 0)
            return 1;
    return 0;
}

/* Red to the right, green downwards, blue flat; or noise. */
static VipsImage *paint(int width, int height, char **options)
{
    VipsImage *xyz, *x, *y, *flat, *rgb, *out;
    if (has(options, "noise")) {
        VipsImage *noise[3];
        for (int i = 0; i < 3; i++)
            vips_gaussnoise(&noise[i], width, height, "mean", 128.0, "sigma", 60.0, NULL);
        vips_bandjoin(noise, &rgb, 3, NULL);
    } else {
        vips_xyz(&xyz, width, height, NULL);
        vips_extract_band(xyz, &x, 0, NULL);
        vips_extract_band(xyz, &y, 1, NULL);
        vips_linear1(x, &x, 255.0 / width, 0, NULL);
        vips_linear1(y, &y, 255.0 / height, 0, NULL);
        vips_linear1(x, &flat, 0, 64, NULL);
        VipsImage *bands[] = {x, y, flat};
        vips_bandjoin(bands, &rgb, 3, NULL);
    }
    if (vips_cast(rgb, &out, VIPS_FORMAT_UCHAR, NULL) != 0 ||
        vips_copy(out, &out, "interpretation", VIPS_INTERPRETATION_sRGB, NULL) != 0)
        return NULL;
    if (has(options, "alpha"))
        vips_addalpha(out, &out, NULL);
    if (has(options, "cmyk"))
        vips_icc_export(out, &out, "output_profile", "cmyk", NULL);
    if (has(options, "deep"))
        vips_colourspace(out, &out, VIPS_INTERPRETATION_RGB16, NULL);
    return out;
}

int main(int argc, char **argv)
{
    if (argc < 4 || VIPS_INIT(argv[0]) != 0)
        return 2;
    char suffix[64];
    void *bytes = NULL;
    size_t length = 0;
    VipsImage *image = paint(atoi(argv[2]), atoi(argv[3]), argv + 4);
    if (!image)
        return 1;
    if (has(argv + 4, "turned"))
        vips_image_set_int(image, "orientation", 6);
    if (has(argv + 4, "private"))
        vips_image_set_string(image, "exif-ifd0-Copyright", "SECRET-PLACE (SECRET-PLACE, ASCII)");
    snprintf(
        suffix, sizeof(suffix), ".%s%s", argv[1], has(argv + 4, "interlaced") ? "[interlace]" : "");
    if (vips_image_write_to_buffer(image, suffix, &bytes, &length, NULL) != 0) {
        fputs(vips_error_buffer(), stderr);
        return 1;
    }
    bool good = fwrite(bytes, 1, length, stdout) == length && fflush(stdout) == 0;
    _exit(good ? 0 : 1); /* without taking libvips down, which sanitizers would watch */
}
