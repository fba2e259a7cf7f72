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
/* The two of them as a record of tls_server_of. */
void pem_put(struct buf *out, const struct pem *p);
/* A client on `fd` that asks for `name` (may be NULL) and checks nothing. */
SSL *pem_client(int fd, const char *name, int oldest, int newest);
/* The first alternative name of the certificate that the client got. */
const char *pem_peer_name(SSL *client);

#endif
