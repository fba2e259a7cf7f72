/* SPDX-License-Identifier: Apache-2.0 */
/* The queue by route and destination, as they are by the present configuration. */
#ifndef IMS_CTL_SUMMARY_H
#define IMS_CTL_SUMMARY_H

#include "ctl/paces.h"
#include "ctl/suspended.h"
#include "lib/base/map.h"
#include "lib/mail/envelope.h"
#include "lib/queue/filter.h"
#include "lib/route/route.h"

enum { SUMMARY_ROWS_MAX = 100000, SUMMARY_REPLY_MAX = 200 };

struct summary_row {
	struct route route; /* of one of its recipients */
	struct str key;     /* of the destination */
	uint64_t messages, recipients, deferred;
	uint64_t last_id;   /* of the message that was counted last */
	int64_t oldest_ms;
	int64_t next_ms; /* earliest time of a recipient that may be tried; 0: none */
	int64_t reply_ms;
	size_t reply_len;
	char reply[SUMMARY_REPLY_MAX]; /* of the latest attempt */
	const struct suspension *suspended; /* NULL: it is not */
};

/* What is known of recipients of one domain. */
struct summary_domain {
	struct summary_row *row;
	const struct suspension *suspended;
};

struct summary {
	const struct conf *conf;
	const struct filter *filter;
	struct suspended suspended;
	const json_t *paces; /* of the running service; summary_print only */
	struct arena arena;
	struct map rows;    /* hash of the key -> row */
	struct map domains; /* hash of the domain -> struct summary_domain */
	bool full;
	/* of the message that is looked at */
	struct spool_msg msg;
	struct envelope envelope;
	struct arena envelope_arena;
	int64_t now_ms;
};

/* 0, or a sysexits code after having said why. */
int summary_make(const struct ctl *ctl, struct store *store, const struct filter *filter,
                 struct summary *out);
void summary_free(struct summary *s);
/* The row of that destination, or NULL. */
const struct summary_row *summary_find(const struct summary *s, struct str key);

/* queue summary; paces: of paces_load */
int summary_print(const struct ctl *ctl, struct store *store, const struct filter *filter,
                  const json_t *paces);

#endif
