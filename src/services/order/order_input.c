#include "order_input.h"

#include "buffer.h"
#include "clock.h"
#include "json.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct rule {
    const char *field;
    size_t min, max; /* characters; min 0: may be left out */
    size_t offset;   /* of the text in struct order_input */
};

#define TEXT(member) offsetof(struct order_input, member)

static const struct rule address_rules[] = {
    {"name", 1, 100, TEXT(name)},
    {"line1", 1, 200, TEXT(line1)},
    {"line2", 0, 200, TEXT(line2)},
    {"city", 1, 100, TEXT(city)},
    {"region", 0, 100, TEXT(region)},
    {"postal_code", 1, 20, TEXT(postal_code)},
    {"country", 1, 2, TEXT(country)},
    {NULL, 0, 0, 0},
};

static const struct rule payment_rules[] = {
    {"method", 1, 20, TEXT(method)},
    {"token", 1, 200, TEXT(token)},
    {NULL, 0, 0, 0},
};

struct reading {
    struct arena *arena;
    struct order_input *input;
    struct http_field_error *errors;
    size_t count;
};

static void refuse(
    struct reading *reading, const char *object, const char *field, const char *message)
{
    if (reading->count == ORDER_INPUT_MAX_ERRORS)
        return;
    reading->errors[reading->count++] = (struct http_field_error){
        .field = object ? arena_printf(reading->arena, "%s.%s", object, field) : field,
        .message = arena_strdup(reading->arena, message),
    };
}

static void read_text(
    struct reading *reading, const json_t *parent, const char *object, const struct rule *rule)
{
    struct error error = {0};
    const char *text = NULL;
    int rc = rule->min ? json_get_text(parent, rule->field, rule->min, rule->max, &text, &error)
                       : json_find_text(parent, rule->field, 0, rule->max, &text, &error);
    if (rc == 0 && text && *text && strspn(text, " \t\r\n") == strlen(text))
        rc = error_set(&error, ERROR_INVALID, NULL, rule->field, "must not be blank");
    /* Labels, letters and their heads are made of these. */
    if (rc == 0 && text && text[strcspn(text, "\r\n\t")])
        rc = error_set(&error, ERROR_INVALID, NULL, rule->field, "must be one line");
    if (rc < 0) {
        refuse(reading, object, rule->field, error.message);
        return;
    }
    const char **slot = (const char **)((char *)reading->input + rule->offset);
    *slot = text && *text ? arena_strdup(reading->arena, text) : NULL;
}

static void read_object(
    struct reading *reading, const json_t *body, const char *name, const struct rule *rules)
{
    struct error error = {0};
    json_t *object = NULL;
    if (json_get_object(body, name, &object, &error) < 0) {
        refuse(reading, NULL, name, error.message);
        return;
    }
    for (; rules->field; rules++)
        read_text(reading, object, name, rules);
}

/* As much as a form can tell; whether it is reached, the mail tells. */
static bool plausible_email(const char *text)
{
    const char *at = strchr(text, '@');
    if (!at || at == text || strchr(at + 1, '@') || strpbrk(text, " \t\r\n<>()[],;:\\\""))
        return false;
    const char *dot = strrchr(at, '.');
    return dot && dot > at + 1 && dot[1];
}

static void read_person(struct reading *reading, const json_t *body, bool guest)
{
    const struct rule email = {"email", guest, 254, TEXT(email)};
    const struct rule birth_date = {"birth_date", guest, 10, TEXT(birth_date)};
    struct order_input *input = reading->input;
    read_text(reading, body, NULL, &email);
    if (input->email && !plausible_email(input->email))
        refuse(reading, NULL, "email", "must be an e-mail address");
    read_text(reading, body, NULL, &birth_date);
    if (input->birth_date && clock_age_years(input->birth_date, clock_now_ms()) < 0)
        refuse(reading, NULL, "birth_date", "must be a date of the past, such as 1988-04-12");
}

static void check_codes(struct reading *reading)
{
    const struct order_input *input = reading->input;
    const char *country = input->country;
    if (country && (strlen(country) != 2 || country[0] < 'A' || country[0] > 'Z' ||
                       country[1] < 'A' || country[1] > 'Z'))
        refuse(reading, "shipping_address", "country", "must be two capital letters, such as DE");
    if (input->method && strcmp(input->method, "test") != 0)
        refuse(reading, "payment", "method", "must be test: this shop takes no other");
}

static const char *address_json(struct arena *arena, const struct order_input *input)
{
    CLEANUP_BUFFER struct buffer json = BUFFER_INIT;
    for (const struct rule *rule = address_rules; rule->field; rule++) {
        buffer_append_text(&json, rule == address_rules ? "{\"" : ",\"");
        buffer_append_text(&json, rule->field);
        buffer_append_text(&json, "\":");
        buffer_append_json(&json, *(const char *const *)((const char *)input + rule->offset));
    }
    buffer_append_char(&json, '}');
    return arena_strndup(arena, json.data, json.length);
}

size_t order_input_read(const json_t *body, bool guest, struct arena *arena,
    struct order_input *input, struct http_field_error errors[ORDER_INPUT_MAX_ERRORS])
{
    *input = (struct order_input){0};
    struct reading reading = {.arena = arena, .input = input, .errors = errors};
    read_object(&reading, body, "shipping_address", address_rules);
    read_object(&reading, body, "payment", payment_rules);
    read_person(&reading, body, guest);
    check_codes(&reading);
    if (!reading.count)
        input->address = address_json(arena, input);
    return reading.count;
}
