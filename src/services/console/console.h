/* SPDX-License-Identifier: Apache-2.0 */
/* The role `console`: administrators talk to the running service through it. In this
 * release it has the control socket, RUNTIME/control.sock; docs/control.md tells the
 * protocol: one JSON object asks, JSON objects answer, a line each.
 *
 * Only root, the user that started the service and the role's own user may ask. */
#ifndef IMS_SERVICES_CONSOLE_CONSOLE_H
#define IMS_SERVICES_CONSOLE_CONSOLE_H

#include <jansson.h>

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "services/frame.h"

enum {
	CONSOLE_CLIENTS_MAX = 64,
	CONSOLE_REQUEST_MAX = 64 * 1024,
	CONSOLE_REPLY_MAX = 1024 * 1024,
	CONSOLE_PATIENCE_MS = 60 * 1000, /* for a request and its answers */
	CONSOLE_ROLES_MAX = 256,
	CONSOLE_CERTIFICATES_MAX = 256,
};

struct console_role_row {
	uint8_t role;
	uint16_t index;
	uint32_t pid, restarts;
	uint64_t generation;
};

struct console_certificate {
	bool of_route;
	char owner[128], name[256]; /* the listener's or the route's; the certificate's own */
	int64_t until_s;            /* Unix time */
};

/* One connection: one request, its answers, the end. */
struct console_client {
	struct console *console;
	struct link link;
	struct loop_io *io;
	struct buf in, out;
	int fd;
	unsigned uid;
	uint64_t query; /* 0: nothing is asked of other roles */
	int64_t began_ms;
	/* parts of a status, or of the metrics */
	struct console_role_row *roles; /* CONSOLE_ROLES_MAX */
	struct console_certificate *certificates; /* CONSOLE_CERTIFICATES_MAX; NULL: none */
	size_t role_count, certificate_count;
	bool metrics; /* wanted, not a status */
	bool roles_done, totals_done, counts_done, has_totals, reloading, finished;
	struct msg_totals totals;
	struct destination *destination; /* of that verb; NULL: another */
	struct buf counts; /* journal's */
};

struct console {
	struct frame *frame;
	struct channel *spool, *journal; /* NULL: away */
	int listen_fd;
	unsigned start_uid;
	struct loop_io *listen_io;
	struct loop_timer *sweep;
	struct link clients;
	size_t client_count;
	struct map queries; /* query -> struct console_client */
	uint64_t next_query;
};

/* client.c */
void client_accept(struct console *c, int fd, unsigned uid);
void client_free(struct console_client *client);
/* Queues a last line {"done":true,...} and closes when it is sent. */
void client_finish(struct console_client *client, unsigned status, uint64_t count,
                   struct str text);
void client_sweep(void *arg);

/* limits.c */
void limits_run(struct console_client *client, const json_t *request);

/* destination.c */
void destination_run(struct console_client *client, const json_t *request);
void destination_spool(struct console *c, const struct msg_destination *m);
void destination_dns(struct console *c, const struct msg_resolved *m);
void destination_hop(struct console *c, unsigned process, const struct msg_hop *m);
void destination_sts(struct console *c, const struct msg_sts_known *m);
void destination_lost(struct console *c, enum role role); /* nobody of it will answer */

/* paces.c */
void paces_run(struct console_client *client);
void paces_row(struct console *c, const struct msg_pace_row *m);

/* request.c */
void request_run(struct console_client *client, struct str line);
void request_certificate_row(struct console *c, const struct msg_certificate_row *m);
void request_counts(struct console *c, const struct msg_counts *m);
void request_role_row(struct console *c, const struct msg_role_row *m);
void request_totals(struct console *c, const struct msg_totals *m);
void request_answer(struct console *c, const struct msg_answer *m);
void request_spool_lost(struct console *c);
void request_journal_lost(struct console *c);

/* metrics.c: all that is known, in the text format of Prometheus */
void metrics_answer(struct console_client *client);

#endif
