/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and settings: one SSL_CTX for each set of names, all with one profile. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/cur.h"
#include "lib/os/tls_parts.h"

/* Mozilla's "intermediate" set; its names are those of every current mail server. */
#define CIPHERS_MODERN \
	"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL:@SECLEVEL=2"
#define CIPHERS_LEGACY "HIGH:MEDIUM:!aNULL:!eNULL:!SRP:!PSK:@SECLEVEL=0"

static const struct {
	int oldest;
	const char *ciphers; /* up to TLS 1.2 */
} profiles[] = {
	[TLS_MODERN] = { TLS1_2_VERSION, CIPHERS_MODERN },
	[TLS_STRICT] = { TLS1_3_VERSION, CIPHERS_MODERN },
	[TLS_LEGACY] = { TLS1_VERSION, CIPHERS_LEGACY },
};

bool tls_prepare(void)
{
	return OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS |
	                        OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL) == 1;
}

bool tls_says(struct buf *why, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	buf_str(why, str_of(what));
	if (reason) buf_fmt(why, ": %s", reason);
	ERR_clear_error();
	return false;
}

/* --- names ------------------------------------------------------------------------------ */

static X509 *leaf_of(SSL_CTX *ctx)
{
	return SSL_CTX_get0_certificate(ctx);
}

/* A client says whom it thinks it talks to (SNI). What nobody has gets the first
 * certificate: an MX is called by many names, and a refusal would end in clear text. */
static int choose(SSL *ssl, int *alert, void *arg)
{
	struct tls_server *server = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	(void)alert;
	for (size_t i = 0; name && i < server->count; i++) {
		if (X509_check_host(leaf_of(server->list[i]), name, strlen(name), 0, NULL) != 1)
			continue;
		(void)SSL_set_SSL_CTX(ssl, server->list[i]);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static void put_printable(char *out, size_t size, const unsigned char *text, size_t len)
{
	size_t n = len < size - 1 ? len : size - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = ascii_is_print((char)text[i]) ? (char)text[i] : '?';
	out[n] = '\0';
}

static bool take_alternative_name(X509 *cert, struct tls_certificate *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool found = false;
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		if (name->type != GEN_DNS) continue;
		put_printable(out->name, sizeof out->name, ASN1_STRING_get0_data(name->d.dNSName),
		              (size_t)ASN1_STRING_length(name->d.dNSName));
		found = true;
	}
	GENERAL_NAMES_free(names);
	return found;
}

static void take_common_name(X509 *cert, struct tls_certificate *out)
{
	char text[sizeof out->name] = "";
	int len = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, text,
	                                    sizeof text);
	if (len > 0) put_printable(out->name, sizeof out->name, (unsigned char *)text, (size_t)len);
	else (void)str_to_cstr(STR("(no name)"), out->name, sizeof out->name);
}

static void describe(X509 *cert, struct tls_certificate *out)
{
	struct tm end = { 0 };
	if (!take_alternative_name(cert, out)) take_common_name(cert, out);
	out->until_s = ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) == 1 ? timegm(&end) : 0;
	ERR_clear_error();
}

static bool same_names(X509 *a, X509 *b)
{
	int at_a = X509_get_ext_by_NID(a, NID_subject_alt_name, -1);
	int at_b = X509_get_ext_by_NID(b, NID_subject_alt_name, -1);
	if (at_a < 0 || at_b < 0) return false;
	return ASN1_OCTET_STRING_cmp(X509_EXTENSION_get_data(X509_get_ext(a, at_a)),
	                             X509_EXTENSION_get_data(X509_get_ext(b, at_b))) == 0;
}

/* --- settings ---------------------------------------------------------------------------- */

bool tls_context_set_up(SSL_CTX *ctx, enum tls_profile profile)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	                         SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* An idle session gives its record buffers back: 14 KiB instead of 47. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* A peer that sends nothing but key updates must not keep us in one call. */
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	return SSL_CTX_set_cipher_list(ctx, profiles[profile].ciphers) == 1 &&
	       SSL_CTX_set_min_proto_version(ctx, profiles[profile].oldest) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") == 1;
}

static SSL_CTX *context_new(struct tls_server *server)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx) return NULL;
	SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_tlsext_servername_callback(ctx, choose);
	SSL_CTX_set_tlsext_servername_arg(ctx, server);
	tls_clients_set(server, ctx);
	if (SSL_CTX_set_num_tickets(ctx, 0) == 1 && SSL_CTX_set_dh_auto(ctx, 1) == 1 &&
	    tls_context_set_up(ctx, server->profile))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

struct tls_server *tls_server_new(enum tls_profile profile)
{
	struct tls_server *server = tls_prepare() ? calloc(1, sizeof *server) : NULL;
	if (!server) return NULL;
	server->profile = profile;
	server->holders = 1;
	return server;
}

void tls_server_free(struct tls_server *server)
{
	if (!server || --server->holders > 0) return;
	for (size_t i = 0; i < server->count; i++) SSL_CTX_free(server->list[i]);
	X509_STORE_free(server->authorities);
	free(server);
}

/* --- certificates ------------------------------------------------------------------------ */

/* Nobody is there who could be asked. */
int tls_no_passphrase(char *into, int size, int writing, void *arg)
{
	(void)into, (void)size, (void)writing, (void)arg;
	return -1;
}

int tls_store_certificates(X509_STORE *store, BIO *bio)
{
	int count = 0;
	for (X509 *cert; (cert = PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL)); count++) {
		int added = X509_STORE_add_cert(store, cert);
		X509_free(cert);
		if (added != 1) return -1;
	}
	/* The end of the text is an error to the library, too. */
	return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? count : -1;
}

EVP_PKEY *tls_read_key(struct str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, tls_no_passphrase, NULL) : NULL;
	BIO_free(bio);
	return key;
}

/* The context of an earlier certificate with these names and another kind of key. */
static SSL_CTX *find_companion(struct tls_server *server, X509 *leaf)
{
	int kind = EVP_PKEY_get_base_id(X509_get0_pubkey(leaf));
	for (size_t i = 0; i < server->count; i++) {
		X509 *other = leaf_of(server->list[i]);
		if (EVP_PKEY_get_base_id(X509_get0_pubkey(other)) != kind && same_names(other, leaf))
			return server->list[i];
	}
	return NULL;
}

static SSL_CTX *context_for(struct tls_server *server, X509 *leaf)
{
	SSL_CTX *ctx = find_companion(server, leaf);
	if (ctx) return ctx;
	if (server->count < TLS_CERTIFICATES_MAX) ctx = context_new(server);
	if (ctx) server->list[server->count++] = ctx;
	return ctx;
}

/* What stands behind the leaf, up to the end of the text. */
bool tls_add_chain(SSL_CTX *ctx, BIO *bio)
{
	for (X509 *cert; (cert = PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL));) {
		if (SSL_CTX_add0_chain_cert(ctx, cert) == 1) continue;
		X509_free(cert);
		return false;
	}
	bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
	if (end) ERR_clear_error();
	return end;
}

static bool add_pair(struct tls_server *server, BIO *bio, X509 *leaf, EVP_PKEY *key,
                     struct buf *why)
{
	SSL_CTX *ctx = context_for(server, leaf);
	if (!ctx) return tls_says(why, "too many certificates, or no memory");
	if (SSL_CTX_use_certificate(ctx, leaf) != 1) return tls_says(why, "the certificate is not usable");
	if (!tls_add_chain(ctx, bio)) return tls_says(why, "the chain behind the certificate is not usable");
	if (X509_check_private_key(leaf, key) != 1)
		return tls_says(why, "the key does not belong to the certificate");
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1) return tls_says(why, "the key is not usable");
	return true;
}

bool tls_server_add(struct tls_server *server, struct str chain, struct str key_pem,
                    struct tls_certificate *out, struct buf *why)
{
	bool good = false;
	ERR_clear_error();
	if (chain.len > TLS_PEM_MAX || key_pem.len > TLS_PEM_MAX) {
		buf_fmt(why, "the file has more than %d bytes", TLS_PEM_MAX);
		return false;
	}
	BIO *bio = BIO_new_mem_buf(chain.at, (int)chain.len);
	X509 *leaf = bio ? PEM_read_bio_X509(bio, NULL, tls_no_passphrase, NULL) : NULL;
	EVP_PKEY *key = leaf ? tls_read_key(key_pem) : NULL;
	if (!leaf) (void)tls_says(why, "there is no certificate in the file");
	else if (!key) (void)tls_says(why, "there is no private key without a passphrase in the file");
	else good = add_pair(server, bio, leaf, key, why);
	if (good) describe(leaf, out);
	EVP_PKEY_free(key);
	X509_free(leaf);
	BIO_free(bio);
	ERR_clear_error();
	return good;
}

struct tls_server *tls_server_of(enum tls_profile profile, enum tls_clients clients,
                                 struct str pairs, tls_told_fn *told, void *arg,
                                 struct buf *why)
{
	struct tls_server *server = tls_server_new(profile);
	struct cur cur = cur_of(pairs);
	bool good = server && pairs.len > 0;
	if (!good) buf_str(why, STR("no certificate, or no memory"));
	if (good && clients != TLS_CLIENTS_OFF) {
		struct str ca = cur_str(&cur), crl = cur_str(&cur);
		good = tls_server_ask(server, clients, ca, crl, why);
	}
	while (good && !cur_done(&cur)) {
		struct tls_certificate certificate;
		struct str chain = cur_str(&cur), key = cur_str(&cur);
		good = !cur.bad;
		if (!good) buf_str(why, STR("the record is damaged"));
		else good = tls_server_add(server, chain, key, &certificate, why);
		if (good && told) told(arg, &certificate);
	}
	if (good) return server;
	tls_server_free(server);
	return NULL;
}
