/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of clients: who may have signed them, and what they say. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "lib/os/tls_parts.h"

enum { DEPTH_MAX = 8 };

/* --- what is asked ---------------------------------------------------------------------- */

/* Where a good one is only asked for, one that is not good is as none. */
static int verify(int good, X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = ssl ? SSL_get_app_data(ssl) : NULL;
	if (good || !t) return good;
	/* Lists of the authorities above the one that signed it are looked at where they are given. */
	if (X509_STORE_CTX_get_error(ctx) == X509_V_ERR_UNABLE_TO_GET_CRL &&
	    X509_STORE_CTX_get_error_depth(ctx) > 0) {
		X509_STORE_CTX_set_error(ctx, X509_V_OK);
		return 1;
	}
	if (!t->client_fault)
		t->client_fault =
			X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx));
	return t->server->clients == TLS_CLIENTS_ASK;
}

static void names_set(SSL_CTX *ctx, X509_STORE *store)
{
	STACK_OF(X509) *all = X509_STORE_get1_all_certs(store);
	for (int i = 0; i < sk_X509_num(all); i++)
		(void)SSL_CTX_add_client_CA(ctx, sk_X509_value(all, i));
	sk_X509_pop_free(all, X509_free);
}

void tls_clients_set(const struct tls_server *server, SSL_CTX *ctx)
{
	if (!server->authorities) return;
	bool require = server->clients == TLS_CLIENTS_REQUIRE;
	(void)SSL_CTX_set1_verify_cert_store(ctx, server->authorities);
	names_set(ctx, server->authorities);
	SSL_CTX_set_verify_depth(ctx, DEPTH_MAX);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
	                   verify);
}

/* As tls_store_certificates. */
static int revoked_add(X509_STORE *store, BIO *bio)
{
	int count = 0;
	for (X509_CRL *crl; (crl = PEM_read_bio_X509_CRL(bio, NULL, tls_no_passphrase, NULL));
	     count++) {
		int added = X509_STORE_add_crl(store, crl);
		X509_CRL_free(crl);
		if (added != 1) return -1;
	}
	return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? count : -1;
}

static bool add_all(X509_STORE *store, struct str pem, int (*add)(X509_STORE *, BIO *))
{
	ERR_clear_error();
	BIO *bio = pem.len && pem.len <= TLS_PEM_MAX ? BIO_new_mem_buf(pem.at, (int)pem.len) : NULL;
	bool good = bio && add(store, bio) > 0;
	BIO_free(bio);
	ERR_clear_error();
	return good;
}

bool tls_server_ask(struct tls_server *server, enum tls_clients clients, struct str ca,
                    struct str crl, struct buf *why)
{
	X509_STORE *store = X509_STORE_new();
	bool good = store != NULL;
	if (!good) {
		buf_str(why, STR("no memory"));
	} else if (!add_all(store, ca, tls_store_certificates)) {
		buf_str(why, STR("there is no certificate of an authority for clients in the "
				 "file"));
		good = false;
	} else if (crl.len && !add_all(store, crl, revoked_add)) {
		buf_str(why, STR("there is no list of revoked certificates in the file"));
		good = false;
	}
	if (good && crl.len)
		(void)X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	if (good) {
		server->clients = clients;
		server->authorities = store;
	} else {
		X509_STORE_free(store);
	}
	return good;
}

/* --- what it says ----------------------------------------------------------------------- */

static bool is_address(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!ascii_is_print(s.at[i]) || s.at[i] == ' ') return false;
	return str_rfind(s, '@') > 0 && s.at[s.len - 1] != '@';
}

static bool take_address(const ASN1_STRING *text, struct tls_client_certificate *out)
{
	struct str s = { (const char *)ASN1_STRING_get0_data(text),
	                 (size_t)ASN1_STRING_length(text) };
	if (s.len > sizeof out->address || !is_address(s)) return false;
	memcpy(out->address, s.at, s.len);
	out->address_len = s.len;
	return true;
}

static bool take_alternative_name(X509 *cert, struct tls_client_certificate *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool found = false;
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		found = name->type == GEN_EMAIL && take_address(name->d.rfc822Name, out);
	}
	GENERAL_NAMES_free(names);
	return found;
}

/* The last common name is the most special one. */
static void take_common_name(X509 *cert, struct tls_client_certificate *out)
{
	X509_NAME *name = X509_get_subject_name(cert);
	int at = -1;
	for (int next; (next = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0;)
		at = next;
	if (at < 0) return;
	(void)take_address(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)), out);
}

/* As RFC 2253 writes it; what is not printable ASCII is escaped by the library. */
static void take_subject(X509 *cert, struct tls_client_certificate *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;
	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_get_mem_data(bio, &text);
	size_t n = (size_t)len < sizeof out->subject ? (size_t)len : sizeof out->subject - 1;
	for (size_t i = 0; i < n; i++)
		out->subject[i] = ascii_is_print(text[i]) ? text[i] : '?';
	out->subject[n] = '\0';
	BIO_free(bio);
}

static void take_fingerprint(X509 *cert, struct tls_client_certificate *out)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (X509_digest(cert, EVP_sha256(), hash, &len) != 1) return;
	for (unsigned i = 0; i < len && 2 * i + 2 < sizeof out->fingerprint; i++) {
		out->fingerprint[2 * i] = hex[hash[i] >> 4];
		out->fingerprint[2 * i + 1] = hex[hash[i] & 15];
	}
}

bool tls_client_certificate_of(const struct tls *t, struct tls_client_certificate *out)
{
	*out = (struct tls_client_certificate){ .fault = t->client_fault };
	X509 *cert = t->done ? SSL_get0_peer_certificate(t->ssl) : NULL;
	if (!cert || t->server->clients == TLS_CLIENTS_OFF) return false;
	if (!out->fault && SSL_get_verify_result(t->ssl) != X509_V_OK)
		out->fault = X509_verify_cert_error_string(SSL_get_verify_result(t->ssl));
	if (out->fault) return true;
	take_subject(cert, out);
	take_fingerprint(cert, out);
	if (!take_alternative_name(cert, out)) take_common_name(cert, out);
	ERR_clear_error();
	return true;
}
