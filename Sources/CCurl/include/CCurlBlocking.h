// One blocking HTTP exchange, for the small endpoints that credentials come from.
#pragma once
#include <curl/curl.h>
#include <stddef.h>

/// Sends and waits. `headers` are lines, each ended by '\n'. Redirects are not followed; only http and https.
/// `direct` goes past proxies. `ca_bundle` may be NULL. `response` holds `*length` bytes and gets the body, whose length
/// is put there; a longer one is CURLE_WRITE_ERROR. `reason` has CURL_ERROR_SIZE bytes and is empty where curl says none.
CURLcode ccurl_blocking_send(
    const char *method, const char *url, const char *headers, const void *body, size_t body_length,
    long connect_timeout_ms, long timeout_ms, int direct, const char *ca_bundle, long *status, void *response,
    size_t *length, char *reason);
