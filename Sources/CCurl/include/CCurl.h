// libcurl, and its variadic functions as plain ones, one for each type of argument.
#pragma once
#include <curl/curl.h>

#include "CCurlBlocking.h"

typedef size_t (*ccurl_data_function)(char *bytes, size_t size, size_t count, void *context);

/// curl_easy_setopt with a number (CURLOPTTYPE_LONG).
CURLcode ccurl_set_long(CURL *easy, CURLoption option, long value);
/// curl_easy_setopt with a string that curl copies; NULL unsets.
CURLcode ccurl_set_string(CURL *easy, CURLoption option, const char *value);
/// curl_easy_setopt with a size or an offset (CURLOPTTYPE_OFF_T).
CURLcode ccurl_set_offset(CURL *easy, CURLoption option, curl_off_t value);
/// curl_easy_setopt with a pointer that must outlive its use.
CURLcode ccurl_set_pointer(CURL *easy, CURLoption option, const void *value);
/// curl_easy_setopt with CURLOPT_WRITEFUNCTION or CURLOPT_HEADERFUNCTION.
CURLcode ccurl_set_function(CURL *easy, CURLoption option, ccurl_data_function value);

/// curl_easy_getinfo of a CURLINFO_LONG.
CURLcode ccurl_get_long(CURL *easy, CURLINFO info, long *value);
/// curl_easy_getinfo of a CURLINFO_STRING; the string lives as long as the handle.
CURLcode ccurl_get_string(CURL *easy, CURLINFO info, const char **value);
/// curl_easy_getinfo of a CURLINFO_OFF_T.
CURLcode ccurl_get_offset(CURL *easy, CURLINFO info, curl_off_t *value);
/// curl_easy_getinfo of CURLINFO_PRIVATE.
CURLcode ccurl_get_private(CURL *easy, void **value);

/// curl_multi_setopt with a number.
CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value);
/// The next finished transfer (CURLMSG_DONE of curl_multi_info_read) and its result; NULL when there is none.
CURL *ccurl_multi_next_done(CURLM *multi, CURLcode *result);
