/* SPDX-License-Identifier: Apache-2.0 */
/* What tls.c and tls_server.c share. */
#ifndef IMS_OS_TLS_PARTS_H
#define IMS_OS_TLS_PARTS_H

#include <openssl/ssl.h>

#include "lib/os/tls.h"

struct tls_server {
	SSL_CTX *list[TLS_CERTIFICATES_MAX]; /* one for each set of names */
	size_t count;
	enum tls_profile profile;
	unsigned holders; /* who made it, and its connections */
};

#endif
