#include "mail.h"

#include <string.h>

#define LOCAL_MAX 64
#define DOMAIN_MAX 253
#define LABEL_MAX 63

static bool alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 5322, 3.2.3: atext. */
static bool atom_char(char c)
{
    return alphanumeric(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool local_valid(const char *local, size_t length)
{
    if (length == 0 || length > LOCAL_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool edge = i == 0 || i == length - 1;
        if (local[i] == '.' ? edge || local[i - 1] == '.' : !atom_char(local[i]))
            return false;
    }
    return true;
}

static bool domain_valid(const char *domain)
{
    size_t length = strlen(domain), label = 0;
    int labels = 1;
    bool letters = false; /* in the last label: 127.0.0.1 is no domain */
    if (length == 0 || length > DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = domain[i];
        if (c == '.') {
            if (label == 0 || domain[i - 1] == '-')
                return false;
            label = 0;
            labels++;
            letters = false;
        } else if (!(alphanumeric(c) || (c == '-' && label > 0)) || ++label > LABEL_MAX) {
            return false;
        } else if (c > '9') {
            letters = true;
        }
    }
    return labels >= 2 && label > 0 && domain[length - 1] != '-' && letters;
}

bool mail_address_valid(const char *address)
{
    if (!address)
        return false;
    const char *at = strchr(address, '@');
    return at && local_valid(address, (size_t)(at - address)) && domain_valid(at + 1);
}
