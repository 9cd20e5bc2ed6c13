#pragma once
#include <stddef.h>
#include <stdint.h>

// MD5 by OpenSSL's libcrypto, which libcurl has in the process already. Its own header declares thousands of names.

typedef struct ccrypto_md5 ccrypto_md5;

/// NULL where OpenSSL refuses MD5 (FIPS) or memory is out.
ccrypto_md5 *ccrypto_md5_begin(void);
/// 0: failed.
int ccrypto_md5_update(ccrypto_md5 *state, const void *bytes, size_t count);
/// Writes 16 bytes; 0: failed.
int ccrypto_md5_finish(ccrypto_md5 *state, uint8_t *digest);
void ccrypto_md5_free(ccrypto_md5 *state);
