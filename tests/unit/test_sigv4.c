/* The signer against the test suite that AWS publishes for Signature Version 4 (the signing test
 * suite of aws-c-auth, v4): requests, what is signed of them, signatures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arena.h"
#include "clock.h"
#include "credentials.h"
#include "sigv4.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

#define KEY_ID "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define SHORT_TOKEN "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
#define LONG_TOKEN                                                                                 \
    "AQoDYXdzEPT//////////"                                                                        \
    "wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwth" \
    "Ax7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFv" \
    "lRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9F" \
    "X9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define FORM_HASH "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e"
#define FORM "application/x-www-form-urlencoded"

struct vector {
    const char *name, *method, *path, *query;
    struct sigv4_header headers[4]; /* beside Host, which is first in all */
    const char *body, *token;
    bool path_as_is, hash_header;
    const char *canonical_path, *canonical_query, *canonical_headers, *signed_headers, *signature;
};

static const struct vector vectors[] = {
    {.name = "get-vanilla",
        .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-header-key-duplicate",
        .headers = {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
        .canonical_headers = "host:example.amazonaws.com\nmy-header1:value2,value2,value1\n"
                             "x-amz-date:20150830T123600Z\n",
        .signed_headers = "host;my-header1;x-amz-date",
        .signature = "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {.name = "get-header-value-order",
        .headers = {{"My-Header1", "value4"}, {"My-Header1", "value1"}, {"My-Header1", "value3"},
            {"My-Header1", "value2"}},
        .signed_headers = "host;my-header1;x-amz-date",
        .signature = "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    {.name = "get-header-value-trim",
        .headers = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
        .canonical_headers = "host:example.amazonaws.com\nmy-header1:value1\nmy-header2:\"a b c\"\n"
                             "x-amz-date:20150830T123600Z\n",
        .signed_headers = "host;my-header1;my-header2;x-amz-date",
        .signature = "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {.name = "get-relative-normalized",
        .path = "/example/..",
        .canonical_path = "/",
        .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-relative-unnormalized",
        .path = "/example/..",
        .path_as_is = true,
        .signature = "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282"},
    {.name = "get-relative-relative-normalized",
        .path = "/example1/example2/../..",
        .canonical_path = "/",
        .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-relative-relative-unnormalized",
        .path = "/example1/example2/../..",
        .path_as_is = true,
        .signature = "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b"},
    {.name = "get-slash-normalized",
        .path = "//",
        .canonical_path = "/",
        .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-slash-unnormalized",
        .path = "//",
        .path_as_is = true,
        .signature = "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e"},
    {.name = "get-slash-dot-slash-normalized",
        .path = "/./",
        .canonical_path = "/",
        .signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {.name = "get-slash-dot-slash-unnormalized",
        .path = "/./",
        .path_as_is = true,
        .signature = "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145"},
    {.name = "get-slash-pointless-dot-normalized",
        .path = "/./example",
        .canonical_path = "/example",
        .signature = "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
    {.name = "get-slash-pointless-dot-unnormalized",
        .path = "/./example",
        .path_as_is = true,
        .signature = "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff"},
    {.name = "get-slashes-normalized",
        .path = "//example//",
        .canonical_path = "/example/",
        .signature = "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
    {.name = "get-slashes-unnormalized",
        .path = "//example//",
        .path_as_is = true,
        .signature = "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5"},
    {.name = "get-space-normalized",
        .path = "/example space/",
        .canonical_path = "/example%20space/",
        .signature = "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {.name = "get-space-unnormalized",
        .path = "/example space/",
        .path_as_is = true,
        .canonical_path = "/example%20space/",
        .signature = "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {.name = "get-unreserved",
        .path = "/" UNRESERVED,
        .signature = "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {.name = "get-utf8",
        .path = "/\xe1\x88\xb4",
        .canonical_path = "/%E1%88%B4",
        .signature = "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {.name = "get-vanilla-empty-query-key",
        .query = "Param1=value1",
        .signature = "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {.name = "get-vanilla-query-order-encoded",
        .query = "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
        .canonical_query = "%E1%88%B4=Value1&Param=Value2&Param-3=Value3",
        .signature = "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
    {.name = "get-vanilla-query-order-key-case",
        .query = "Param2=value2&Param1=value1",
        .canonical_query = "Param1=value1&Param2=value2",
        .signature = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {.name = "get-vanilla-query-unreserved",
        .query = UNRESERVED "=" UNRESERVED,
        .signature = "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {.name = "get-vanilla-utf8-query",
        .query = "\xe1\x88\xb4=bar",
        .canonical_query = "%E1%88%B4=bar",
        .signature = "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {.name = "get-vanilla-with-session-token",
        .token = SHORT_TOKEN,
        .canonical_headers = "host:example.amazonaws.com\nx-amz-date:20150830T123600Z\n"
                             "x-amz-security-token:" SHORT_TOKEN "\n",
        .signed_headers = "host;x-amz-date;x-amz-security-token",
        .signature = "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
    {.name = "post-header-key-sort",
        .method = "POST",
        .headers = {{"My-Header1", "value1"}},
        .signed_headers = "host;my-header1;x-amz-date",
        .signature = "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
    {.name = "post-header-value-case",
        .method = "POST",
        .headers = {{"My-Header1", "VALUE1"}},
        .signed_headers = "host;my-header1;x-amz-date",
        .signature = "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
    {.name = "post-sts-header-before",
        .method = "POST",
        .token = LONG_TOKEN,
        .signed_headers = "host;x-amz-date;x-amz-security-token",
        .signature = "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
    {.name = "post-vanilla",
        .method = "POST",
        .signature = "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {.name = "post-vanilla-query",
        .method = "POST",
        .query = "Param1=value1",
        .signature = "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    {.name = "post-x-www-form-urlencoded",
        .method = "POST",
        .headers = {{"Content-Type", FORM}, {"Content-Length", "13"}},
        .body = "Param1=value1",
        .hash_header = true,
        .canonical_headers =
            "content-length:13\ncontent-type:" FORM "\nhost:example.amazonaws.com\n"
            "x-amz-content-sha256:" FORM_HASH "\nx-amz-date:20150830T123600Z\n",
        .signed_headers = "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
        .signature = "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"},
    {.name = "post-x-www-form-urlencoded-parameters",
        .method = "POST",
        .headers = {{"Content-Type", FORM "; charset=utf-8"}, {"Content-Length", "13"}},
        .body = "Param1=value1",
        .hash_header = true,
        .signed_headers = "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
        .signature = "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422"},
};

static int64_t suite_time(void)
{
    int64_t at_ms;
    assert_int_equal(clock_parse("2015-08-30T12:36:00Z", &at_ms), 0);
    return at_ms;
}

/* Host, then the vector's own. */
static struct sigv4_request request_of(const struct vector *vector, struct sigv4_header *headers)
{
    struct sigv4_request request = {
        .method = vector->method ? vector->method : "GET",
        .path = vector->path ? vector->path : "/",
        .query = vector->query,
        .headers = headers,
        .header_count = 1,
        .body = vector->body,
        .body_length = vector->body ? strlen(vector->body) : 0,
        .region = "us-east-1",
        .service = "service",
        .at_ms = suite_time(),
        .path_as_is = vector->path_as_is,
        .hash_header = vector->hash_header,
    };
    headers[0] = (struct sigv4_header){"Host", "example.amazonaws.com"};
    for (size_t i = 0; i < 4 && vector->headers[i].name; i++)
        headers[request.header_count++] = vector->headers[i];
    return request;
}

static struct aws_credentials *keys(const char *token)
{
    struct aws_credentials *credentials;
    struct error error = {0};
    assert_int_equal(aws_credentials_new(&credentials, KEY_ID, SECRET, token, &error), 0);
    return credentials;
}

static const char *header(const struct sigv4_signed *made, const char *name)
{
    for (size_t i = 0; i < made->header_count; i++) {
        if (text_equal(made->headers[i].name, name))
            return made->headers[i].value;
    }
    return NULL;
}

static void check_vector(const struct vector *vector, struct arena *arena)
{
    struct sigv4_header headers[5];
    struct sigv4_request request = request_of(vector, headers);
    struct aws_credentials *credentials = keys(vector->token);
    struct sigv4_signed made;
    struct error error = {0};
    const char *names = vector->signed_headers ? vector->signed_headers : "host;x-amz-date";
    assert_int_equal(sigv4_sign(&request, credentials, arena, &made, &error), 0);
    const char *start = arena_printf(arena, "%s\n%s\n%s\n", request.method,
        vector->canonical_path ? vector->canonical_path : request.path,
        vector->canonical_query ? vector->canonical_query
        : vector->query         ? vector->query
                                : "");
    if (!text_starts_with(made.canonical, start))
        fail_msg("%s: signed is\n%s", vector->name, made.canonical);
    if (vector->canonical_headers &&
        !text_starts_with(made.canonical + strlen(start), vector->canonical_headers))
        fail_msg("%s: signed is\n%s", vector->name, made.canonical);
    const char *expected = arena_printf(arena,
        "AWS4-HMAC-SHA256 Credential=" KEY_ID "/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=%s, Signature=%s",
        names, vector->signature);
    if (!text_equal(header(&made, "Authorization"), expected))
        fail_msg("%s: %s of\n%s", vector->name, header(&made, "Authorization"), made.canonical);
    assert_string_equal(header(&made, "X-Amz-Date"), "20150830T123600Z");
    assert_true(text_equal(header(&made, "X-Amz-Security-Token"), vector->token));
    assert_true(
        text_equal(header(&made, "X-Amz-Content-Sha256"), vector->hash_header ? FORM_HASH : NULL));
    aws_credentials_free(credentials);
}

static void test_published_vectors(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
        check_vector(&vectors[i], arena);
    arena_free(arena);
}

/* What curl's own signer gets wrong. */
static void test_queries(void **state)
{
    (void)state;
    static const struct {
        const char *sent, *is_signed;
    } cases[] = {
        {"acl", "acl="},
        {"b=2&a=1", "a=1&b=2"},
        {"a=2&a=1&a", "a=&a=1&a=2"},
        {"a=b=c", "a=b%3Dc"},
        {"prefix=a/b", "prefix=a%2Fb"},
        {"q=a%20b", "q=a%20b"},
        {"q=a+b", "q=a%2Bb"},
        {"q=%e1%88%b4", "q=%E1%88%B4"},
        {"q=%7Ea", "q=~a"},
        {"q=100%", "q=100%25"},
        {"q=%zz", "q=%25zz"},
        {"a=1&&b=2&", "a=1&b=2"},
        {"", ""},
    };
    struct arena *arena = arena_new();
    struct aws_credentials *credentials = keys(NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vector vector = {.query = cases[i].sent};
        struct sigv4_header headers[5];
        struct sigv4_request request = request_of(&vector, headers);
        struct sigv4_signed made;
        struct error error = {0};
        assert_int_equal(sigv4_sign(&request, credentials, arena, &made, &error), 0);
        const char *start = arena_printf(arena, "GET\n/\n%s\nhost:", cases[i].is_signed);
        if (!text_starts_with(made.canonical, start))
            fail_msg("%s: signed is\n%s", cases[i].sent, made.canonical);
    }
    aws_credentials_free(credentials);
    arena_free(arena);
}

/* An escape in a path is signed as it is sent, which encodes its '%'; but for S3. */
static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *sent;
        bool as_is;
        const char *is_signed;
    } cases[] = {
        {"/a%20b", false, "/a%2520b"},
        {"/a%20b", true, "/a%20b"},
        {"/a=b/c", true, "/a%3Db/c"},
        {"/../../a", false, "/a"},
        {"/a/b/../c/", false, "/a/c/"},
        {"/a/..b/...", false, "/a/..b/..."},
    };
    struct arena *arena = arena_new();
    struct aws_credentials *credentials = keys(NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vector vector = {.path = cases[i].sent, .path_as_is = cases[i].as_is};
        struct sigv4_header headers[5];
        struct sigv4_request request = request_of(&vector, headers);
        struct sigv4_signed made;
        struct error error = {0};
        assert_int_equal(sigv4_sign(&request, credentials, arena, &made, &error), 0);
        const char *start = arena_printf(arena, "GET\n%s\n\nhost:", cases[i].is_signed);
        if (!text_starts_with(made.canonical, start))
            fail_msg("%s: signed is\n%s", cases[i].sent, made.canonical);
    }
    aws_credentials_free(credentials);
    arena_free(arena);
}

static void test_what_cannot_be_sent(void **state)
{
    (void)state;
    struct arena *arena = arena_new();
    struct aws_credentials *credentials = keys(NULL);
    struct vector vector = {.headers = {{"My-Header", "value\r\nX-Other: 1"}}};
    struct sigv4_header headers[5];
    struct sigv4_request request = request_of(&vector, headers);
    struct sigv4_signed made = {.header_count = 7};
    struct error error = {0};
    assert_int_equal(sigv4_sign(&request, credentials, arena, &made, &error), ERROR_INVALID);
    headers[1] = (struct sigv4_header){"My Header", "value"};
    assert_int_equal(sigv4_sign(&request, credentials, arena, &made, &error), ERROR_INVALID);
    headers[1] = (struct sigv4_header){"My-Header", "value"};
    headers[0].name = "Not-Host";
    assert_int_equal(sigv4_sign(&request, credentials, arena, &made, &error), ERROR_INVALID);
    headers[0].name = "host";
    assert_int_equal(made.header_count, 7);
    request.path = "a";
    assert_int_equal(sigv4_sign(&request, credentials, arena, &made, &error), ERROR_INVALID);
    request.path = "/a";
    assert_int_equal(sigv4_sign(&request, credentials, arena, &made, &error), 0);
    char many[4 * (SIGV4_MAX_PARAMETERS + 2)] = "";
    for (int i = 0; i <= SIGV4_MAX_PARAMETERS; i++)
        strcat(many, "a=1&");
    request.query = many;
    assert_int_equal(sigv4_sign(&request, credentials, arena, &made, &error), ERROR_INVALID);
    struct sigv4_header crowd[SIGV4_MAX_HEADERS + 1];
    for (int i = 0; i <= SIGV4_MAX_HEADERS; i++)
        crowd[i] = headers[0];
    request.query = NULL;
    request.headers = crowd;
    request.header_count = SIGV4_MAX_HEADERS;
    assert_int_equal(sigv4_sign(&request, credentials, arena, &made, &error), 0);
    request.header_count++;
    assert_int_equal(sigv4_sign(&request, credentials, arena, &made, &error), ERROR_INVALID);
    aws_credentials_free(credentials);
    arena_free(arena);
}

static void refuse(const char *key_id, const char *secret, const char *token, const char *field)
{
    struct aws_credentials *credentials = NULL;
    struct error error = {0};
    assert_int_equal(
        aws_credentials_new(&credentials, key_id, secret, token, &error), ERROR_INVALID);
    assert_null(credentials);
    assert_string_equal(error.field, field);
    assert_null(strstr(error.message, "hush"));
}

static void test_credentials(void **state)
{
    (void)state;
    char endless[9000];
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    refuse(NULL, SECRET, NULL, "aws.access_key_id");
    refuse("", SECRET, NULL, "aws.access_key_id");
    refuse(KEY_ID, "", NULL, "aws.secret_access_key");
    refuse(KEY_ID, "hush hush", NULL, "aws.secret_access_key");
    refuse(KEY_ID, endless, NULL, "aws.secret_access_key");
    refuse(KEY_ID, SECRET, "hush\n", "aws.session_token");
    refuse(KEY_ID, SECRET, endless, "aws.session_token");
    aws_credentials_free(NULL);
    struct aws_credentials *credentials = keys("");
    assert_string_equal(aws_credentials_key_id(credentials), KEY_ID);
    assert_string_equal(aws_credentials_token(credentials), "");
    aws_credentials_free(credentials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_what_cannot_be_sent),
        cmocka_unit_test(test_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
