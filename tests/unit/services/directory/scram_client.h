/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of SCRAM-SHA-256 (RFC 5802), for tests; made from the RFC, and held to
 * the example of RFC 7677 by test_sasl.c. */
#ifndef IMS_TEST_SCRAM_CLIENT_H
#define IMS_TEST_SCRAM_CLIENT_H

#include "lib/base/buf.h"

struct scram_client {
	struct buf first, final; /* what it says */
	struct buf server_final; /* what it wants to hear then: "v=..." */
	struct str header;       /* "n,,", or with a channel binding "p=tls-exporter,," */
	struct str binding;      /* octets behind the header in c= */
};

void scram_client_first(struct scram_client *c, struct str header, struct str user,
			struct str nonce);
/* Makes `final` and `server_final` from what the server said first. */
void scram_client_final(struct scram_client *c, struct str password, struct str server_first);
void scram_client_free(struct scram_client *c);

#endif
