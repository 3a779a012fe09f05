#include "documents.h"

#include <string.h>

/* From the opening quote to behind the closing one; NULL when there is none. */
static const char *skip_text(const char *c)
{
    for (c++; *c && *c != '"'; c++) {
        if (*c == '\\' && c[1])
            c++;
    }
    return *c ? c + 1 : NULL;
}

/* At a quote inside the member: notes the value if this is its "id". */
static void note_id(const char *c, struct document *document)
{
    static const char key[] = "\"id\":";
    if (document->id || strncmp(c, key, sizeof(key) - 1) != 0)
        return;
    c += sizeof(key) - 1;
    while (*c == ' ')
        c++;
    const char *end = *c == '"' ? skip_text(c) : NULL;
    if (!end)
        return;
    document->id = c + 1;
    document->id_length = (size_t)(end - c - 2);
}

/* From the opening brace to behind the closing one. */
static const char *skip_member(const char *c, struct document *document)
{
    int depth = 0;
    document->text = c;
    while (*c) {
        if (*c == '"') {
            if (depth == 1)
                note_id(c, document);
            c = skip_text(c);
            if (!c)
                return NULL;
            continue;
        }
        depth += (*c == '{' || *c == '[') - (*c == '}' || *c == ']');
        c++;
        if (depth == 0) {
            document->length = (size_t)(c - document->text);
            return c;
        }
    }
    return NULL;
}

size_t documents_split(const char *body, struct document *documents, size_t max)
{
    size_t count = 0;
    const char *c = strchr(body, '[');
    for (c = c ? c + 1 : NULL; c && *c && *c != ']' && count < max;) {
        if (*c != '{') {
            c++;
            continue;
        }
        documents[count] = (struct document){0};
        c = skip_member(c, &documents[count]);
        count += c && documents[count].id;
    }
    return count;
}
