#include "CCrypto.h"
#include <openssl/evp.h>

static EVP_MD_CTX *context(ccrypto_md5 *state) { return (EVP_MD_CTX *)state; }

ccrypto_md5 *ccrypto_md5_begin(void) {
  EVP_MD_CTX *made = EVP_MD_CTX_new();
  if (made && EVP_DigestInit_ex(made, EVP_md5(), NULL) == 1) return (ccrypto_md5 *)made;
  EVP_MD_CTX_free(made);
  return NULL;
}

int ccrypto_md5_update(ccrypto_md5 *state, const void *bytes, size_t count) {
  return EVP_DigestUpdate(context(state), bytes, count) == 1;
}

int ccrypto_md5_finish(ccrypto_md5 *state, uint8_t *digest) {
  return EVP_DigestFinal_ex(context(state), digest, NULL) == 1;
}

void ccrypto_md5_free(ccrypto_md5 *state) { EVP_MD_CTX_free(context(state)); }
