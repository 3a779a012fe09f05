#include "engines.h"
#include "mail.h"

static void good_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"a@b.co", "first.last@example.com", "a+tag@example.co.uk",
        "o'hara@example.com", "x_y-z@sub.example.org", "1@2.a3", "!#$%&'*+-/=?^_`{|}~@example.com",
        "user@xn--mnchen-3ya.example", "USER@EXAMPLE.COM", "a@1.2.3.example"};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        if (!mail_address_valid(good[i]))
            fail_msg("%s is an address", good[i]);
    }
}

static void bad_addresses(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "@", "a", "a@", "@b.co", "a@b", "a@b.", "a@.co",
        "a@b..co", ".a@b.co", "a.@b.co", "a..b@c.de", "a b@c.de", "a@b c.de", "a@b.co\r\n",
        "a@b.co\nBcc: x@y.zz", "a\r@b.co", "\"a\"@b.co", "a@[127.0.0.1]", "a@127.0.0.1", "a@-b.co",
        "a@b-.co", "a@b.co-", "a@b.-co", "a@@b.co", "a@b@c.de", "a,b@c.de", "<a@b.co>", "a@b.co>",
        "a(b)@c.de", "m\xc3\xbcller@example.com", "a@m\xc3\xbcnchen.de", "a@b.c\x7f", "a;b@c.de",
        "a@b_c.de", "a:b@c.de"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (mail_address_valid(bad[i]))
            fail_msg("%s is no address", bad[i]);
    }
    assert_false(mail_address_valid(NULL));
}

static void lengths(void **state)
{
    (void)state;
    char text[400];
    memset(text, 'a', sizeof(text));
    strcpy(text + 64, "@b.co");
    assert_true(mail_address_valid(text));
    memset(text, 'a', sizeof(text));
    strcpy(text + 65, "@b.co");
    assert_false(mail_address_valid(text));
    strcpy(text, "a@");
    memset(text + 2, 'b', 63);
    strcpy(text + 65, ".co");
    assert_true(mail_address_valid(text));
    memset(text + 2, 'b', 64);
    strcpy(text + 66, ".co");
    assert_false(mail_address_valid(text));
    strcpy(text, "a@");
    for (int i = 0; i < 126; i++)
        strcat(text, "b.");
    strcat(text, "c");
    assert_true(mail_address_valid(text));
    strcpy(text, "a@bb.");
    for (int i = 0; i < 125; i++)
        strcat(text, "b.");
    strcat(text, "c");
    assert_false(mail_address_valid(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_addresses),
        cmocka_unit_test(bad_addresses),
        cmocka_unit_test(lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
