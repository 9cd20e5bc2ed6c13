#include "CCurlBlocking.h"

#include <stdlib.h>
#include <string.h>

struct sink {
  char *bytes;
  size_t capacity;
  size_t length;
};

static size_t take(char *bytes, size_t size, size_t count, void *context) {
  struct sink *sink = context;
  size_t length = size * count;
  if (length > sink->capacity - sink->length) return 0;
  memcpy(sink->bytes + sink->length, bytes, length);
  sink->length += length;
  return length;
}

// NULL when memory is short, with the list freed.
static struct curl_slist *header_list(const char *headers) {
  // Without these curl would send a type of its own and wait for "100 Continue".
  struct curl_slist *list = curl_slist_append(NULL, "Expect:");
  const char *end;
  for (; list && (end = strchr(headers, '\n')); headers = end + 1) {
    char *line = strndup(headers, (size_t)(end - headers));
    struct curl_slist *longer = line ? curl_slist_append(list, line) : NULL;
    free(line);
    if (!longer) curl_slist_free_all(list);
    list = longer;
  }
  return list;
}

CURLcode ccurl_blocking_send(
    const char *method, const char *url, const char *headers, const void *body, size_t body_length,
    long connect_timeout_ms, long timeout_ms, int direct, const char *ca_bundle, long *status, void *response,
    size_t *length, char *reason) {
  struct sink sink = {response, *length, 0};
  reason[0] = 0;
  *length = 0;
  *status = 0;
  CURL *easy = curl_easy_init();
  struct curl_slist *list = header_list(headers);
  CURLcode code = CURLE_OUT_OF_MEMORY;
  if (easy && list) {
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &sink);
    if (direct) curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (ca_bundle) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_bundle);
    if (strcmp(method, "GET") != 0) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)body_length);
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body_length ? body : "");
      curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    }
    code = curl_easy_setopt(easy, CURLOPT_URL, url);
    if (code == CURLE_OK) code = curl_easy_perform(easy);
    if (code == CURLE_OK) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, status);
    *length = sink.length;
  }
  curl_slist_free_all(list);
  if (easy) curl_easy_cleanup(easy);
  return code;
}
