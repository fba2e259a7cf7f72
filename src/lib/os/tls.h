/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of connections that clients have made to us, or that we make (OpenSSL 3), over
 * connected, non-blocking sockets. Errors are negative errno values, as in stream.h.
 *
 * No session is resumed: no tickets, no cache. So no key that opens recorded traffic is
 * shared by the workers or kept anywhere. No compression, no renegotiation.
 * One thread. The process ignores SIGPIPE: the library writes to a closed peer as to any
 * other. What a peer said comes out as bytes and as the library's own words only. */
#ifndef IMS_OS_TLS_H
#define IMS_OS_TLS_H

#include <sys/types.h>

#include "lib/base/buf.h"

enum {
	TLS_CERTIFICATES_MAX = 32,    /* of one server */
	TLS_PEM_MAX = 256 * 1024,     /* bytes of one file */
	TLS_RECORD_MAX = 16 * 1024,   /* least room for tls_recv */
	TLS_DESCRIPTION_MAX = 96,
	TLS_BINDING = 32, /* octets */
};

/* Versions and ciphers, in the order of enum conf_tls_profile. */
enum tls_profile {
	TLS_MODERN, /* 1.2 and 1.3, forward secrecy and authenticated ciphers only */
	TLS_STRICT, /* 1.3 only */
	TLS_LEGACY, /* from 1.0 on, old ciphers, short keys: for devices that know no better */
};

struct tls_server; /* certificates and settings of a listener */
struct tls;        /* one connection */

/* Certificates of clients, in the order of enum conf_client_certificate. */
enum tls_clients {
	TLS_CLIENTS_OFF,
	TLS_CLIENTS_ASK,     /* one that is not good is as none */
	TLS_CLIENTS_REQUIRE, /* without a good one the handshake fails */
};

/* What a client's certificate says, which is verified unless there is a fault. */
struct tls_client_certificate {
	char subject[256];     /* printable, cut */
	char fingerprint[65];  /* SHA-256, hex */
	char address[320];     /* the first rfc822Name, or a common name that is one */
	size_t address_len;    /* 0: none */
	const char *fault;     /* why it counts for nothing, or NULL; then the rest is empty */
};

/* What a certificate says of itself. */
struct tls_certificate {
	char name[256];  /* the first of its names, printable */
	int64_t until_s; /* end of its validity, Unix seconds */
};

/* Loads all that the library would look for later, for a process that is about to give up
 * its rights. The system's openssl.cnf is not read: the profile says everything. */
bool tls_prepare(void);

/* NULL: no memory. */
struct tls_server *tls_server_new(enum tls_profile profile);
/* Adds a chain (leaf first) and its key, both PEM; the key may have no passphrase. Clients
 * that name no host, or one that no certificate has, get the first. An RSA and an ECDSA
 * certificate with the same names stand side by side. False: `why` says what is wrong, and
 * the server is to be freed. */
bool tls_server_add(struct tls_server *server, struct str chain, struct str key,
                    struct tls_certificate *out, struct buf *why);
/* Lets go of it; it lives as long as its connections. NULL is fine. */
void tls_server_free(struct tls_server *server);

/* From now on clients are asked for a certificate: `ca` has who may have signed it, `crl`
 * lists of what is revoked (empty: nobody looks), both PEM. Before the first
 * tls_server_add. False: `why` says what is wrong. */
bool tls_server_ask(struct tls_server *server, enum tls_clients clients, struct str ca,
                    struct str crl, struct buf *why);

/* Certificates with their keys as they travel between processes: for each two strings as
 * buf_put_str writes them, chain and key. Where clients are asked for theirs, two stand in
 * front: `ca` and `crl`. */
enum { TLS_PAIRS_MAX = 8 * 1024 * 1024 };
/* A server of such a record. NULL: `why` says; `told` (may be NULL) is called for each. */
typedef void tls_told_fn(void *arg, const struct tls_certificate *certificate);
struct tls_server *tls_server_of(enum tls_profile profile, enum tls_clients clients,
                                 struct str pairs, tls_told_fn *told, void *arg,
                                 struct buf *why);

/* --- the client's side --- */

/* How the other side has to show who it is. */
enum tls_check {
	TLS_CHECK_NONE,  /* not at all */
	TLS_CHECK_NAMES, /* a chain to a trusted certificate, and one of the names */
	TLS_CHECK_DANE,  /* TLSA records, RFC 7672 3.1: usages 2 and 3 */
};

enum {
	TLS_TRUST_MAX = 4 * 1024 * 1024, /* bytes of the file with those that are trusted */
	TLS_NAMES_MAX = 4,
	TLS_TLSA_MAX = 32,
};

/* A TLSA record (RFC 6698 2.1). */
struct tls_tlsa {
	uint8_t usage, selector, matching;
	struct str data;
};

/* Whom a connection is to reach; borrowed for the call. */
struct tls_peer {
	enum tls_check check;
	bool lenient;   /* goes on whatever it shows; tls_defect has what was wrong */
	struct str sni; /* empty: none, as for an address */
	/* Host names (DANE: only matters with usage 2), or one address as text. */
	struct str names[TLS_NAMES_MAX];
	size_t name_count;
	struct tls_tlsa tlsa[TLS_TLSA_MAX];
	size_t tlsa_count;
};

struct tls_client; /* settings of connections that we make */

/* `trust`: certificates (PEM) of who is trusted, empty: nobody, and TLS_CHECK_NAMES fails.
 * `chain` and `key` (PEM): what we show when asked, or empty. NULL: `why` says what is
 * wrong. */
struct tls_client *tls_client_new(enum tls_profile profile, struct str trust, struct str chain,
                                  struct str key, struct buf *why);
/* As tls_server_free. */
void tls_client_free(struct tls_client *client);
/* As tls_new. Where DANE has no record that can be used, nothing is checked (RFC 7672
 * 2.2). */
struct tls *tls_connect(struct tls_client *client, int fd, const struct tls_peer *peer);
/* After the handshake: what was checked, and was good; NONE if it was not good, and the
 * peer is lenient. */
enum tls_check tls_checked(const struct tls *t);

/* --- both sides --- */

/* A connection on `fd` (borrowed), before the handshake. NULL: no memory. */
struct tls *tls_new(struct tls_server *server, int fd);
/* 0: it is done; -EAGAIN: again when tls_wants says; else it has failed. */
int tls_handshake(struct tls *t);
/* Bytes taken (may be fewer than given) or -errno. After -EAGAIN the same bytes come again,
 * perhaps with more behind them. */
ssize_t tls_send(struct tls *t, struct str bytes);
/* One record: bytes received, 0 at the peer's end, or -errno. `room` is at least
 * TLS_RECORD_MAX: then nothing is ever held back that poll would not tell of. */
ssize_t tls_recv(struct tls *t, char *into, size_t room);
/* LOOP_READ or LOOP_WRITE: what the last -EAGAIN waits for. */
unsigned tls_wants(const struct tls *t);
/* The last receiving call has something to write first. */
bool tls_recv_writes(const struct tls *t);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty before the handshake is done. */
void tls_describe(const struct tls *t, struct buf *out);
/* What no other connection has, for SASL (RFC 9266, tls-exporter). False before the
 * handshake is done, and before TLS 1.3. */
bool tls_binding(const struct tls *t, unsigned char out[TLS_BINDING]);
/* The client's certificate; false: it has shown none, or none was asked for. */
bool tls_client_certificate_of(const struct tls *t, struct tls_client_certificate *out);
/* Why it failed, in words of the library or the system; lives as long as the program. */
const char *tls_fault(const struct tls *t);
/* What is wrong with the other side's certificate, after the handshake or its failure. */
enum tls_defect {
	TLS_DEFECT_NONE, /* nothing, or none was looked at */
	TLS_DEFECT_NAME, /* it is somebody else's */
	TLS_DEFECT_EXPIRED,
	TLS_DEFECT_UNTRUSTED, /* nobody who is trusted vouches for it */
	TLS_DEFECT_OTHER,
};
enum tls_defect tls_defect(const struct tls *t);
/* Says goodbye, once, as far as it can be said at once. */
void tls_goodbye(struct tls *t);
void tls_free(struct tls *t); /* NULL is fine */

#endif
