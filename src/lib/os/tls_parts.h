/* SPDX-License-Identifier: Apache-2.0 */
/* What tls.c, tls_server.c, tls_client.c and tls_client_certificate.c share. */
#ifndef IMS_OS_TLS_PARTS_H
#define IMS_OS_TLS_PARTS_H

#include <openssl/ssl.h>

#include "lib/os/tls.h"

struct tls_server {
	SSL_CTX *list[TLS_CERTIFICATES_MAX]; /* one for each set of names */
	size_t count;
	enum tls_profile profile;
	unsigned holders; /* who made it, and its connections */
	enum tls_clients clients;
	X509_STORE *authorities; /* of clients; NULL: they are not asked */
};

struct tls_client {
	SSL_CTX *ctx;
	bool verifies; /* it knows whom to trust */
	unsigned holders;
};

struct tls {
	SSL *ssl;
	struct tls_server *server; /* one of both */
	struct tls_client *client;
	const char *fault;
	const char *client_fault; /* the first one of the client's certificate, or NULL */
	unsigned wants;
	enum tls_check check; /* of the other side's certificate */
	bool done;   /* with the handshake */
	bool broken; /* nothing more may be said */
	bool recv_writes;
};

/* Options, versions and ciphers that both sides have. False: the library does not know
 * them. */
bool tls_context_set_up(SSL_CTX *ctx, enum tls_profile profile);
/* Writes `what` and the library's reason; false. */
bool tls_says(struct buf *why, const char *what);
/* The first key of a PEM text; NULL: none without a passphrase. */
EVP_PKEY *tls_read_key(struct str pem);
int tls_no_passphrase(char *into, int size, int writing, void *arg);
/* Adds all certificates of a PEM text; how many, or -1: something in it is damaged, and the
 * library's error says what. */
int tls_store_certificates(X509_STORE *store, BIO *bio);
/* The certificates that stand in `bio` from where it is; false: something else. */
bool tls_add_chain(SSL_CTX *ctx, BIO *bio);

/* tls_client_certificate.c: what a server asks of its clients. */
void tls_clients_set(const struct tls_server *server, SSL_CTX *ctx);

#endif
