/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made on the spot, and a TLS client in the same process. */
#ifndef IMS_TEST_OS_PEM_H
#define IMS_TEST_OS_PEM_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/ssl.h>

#include "lib/base/buf.h"

enum { PEM_EC, PEM_RSA, PEM_RSA_SHORT };

struct pem {
	char cert[8192], key[8192]; /* PEM, NUL-terminated */
};

/* Self-signed; `names` as "DNS:a,DNS:b", NULL: only the common name "cn.example". */
void pem_make(struct pem *p, const char *names, int kind, long days);
/* The same, signed by `issuer`, which stands behind it in the file; `issuer` NULL: an
 * authority that signs itself. */
void pem_sign(struct pem *p, const struct pem *issuer, const char *names, long days);
/* TLSA data of the n-th certificate in the file (0: its own): selector 0 or 1, SHA-256. */
void pem_tlsa(const struct pem *p, unsigned n, int selector, unsigned char out[32]);
/* The two of them as a record of tls_server_of. */
void pem_put(struct buf *out, const struct pem *p);
/* A client on `fd` that asks for `name` (may be NULL) and checks nothing. */
SSL *pem_client(int fd, const char *name, int oldest, int newest);
/* The first alternative name of the certificate that the client got. */
const char *pem_peer_name(SSL *client);

#endif
