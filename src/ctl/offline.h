/* SPDX-License-Identifier: Apache-2.0 */
/* The spool, looked at by the tool itself: read-only beside a running service, and
 * writing only when none runs (the store's lock sees to that). */
#ifndef IMS_CTL_OFFLINE_H
#define IMS_CTL_OFFLINE_H

#include "ctl/ctl.h"
#include "lib/mail/envelope.h"
#include "lib/queue/action.h"
#include "lib/queue/filter.h"
#include "spool/store.h"

enum { OFFLINE_ARENA = 64 * 1024 * 1024 };

/* Goes to the configured spool's folder, and becomes its owner if we are root. */
int offline_enter(const struct ctl *ctl);
/* Opens the configured spool; 0, or a sysexits code after having said why. */
int offline_open(const struct ctl *ctl, bool write, struct store **store);
/* The same to read; NULL where no service has made one yet. */
int offline_look(const struct ctl *ctl, struct store **store);

/* One message of a listing, with its envelope. */
struct offline_msg {
	struct spool_msg msg;
	struct envelope envelope; /* zeroed if the record is damaged */
	enum filter_state state;  /* as listed */
};

/* Reads one; EX_DATAERR if there is none of that id. */
int offline_read(struct store *store, uint64_t id, struct arena *arena,
                 struct offline_msg *out);
/* Calls `fn` for every message that the filter means, in the order of arrival, until it
 * returns something other than 0. The callback may read from the store. */
typedef int offline_fn(void *ctx, struct store *store, const struct offline_msg *msg);
int offline_walk(const struct ctl *ctl, struct store *store, const struct filter *filter,
                 offline_fn *fn, void *ctx);

struct str offline_state_name(enum filter_state state);
/* argv's id, or a usage error. */
int offline_id(const char *word, uint64_t *id);

struct offline_wish {
	enum queue_action action;
	struct str selector, reason;
	int64_t lasts_ms; /* of a hold or a suspension; 0: no end */
	bool dry;
};
int offline_act(const struct ctl *ctl, const struct offline_wish *wish, uint64_t *count);

int64_t offline_now_ms(void);

#endif
