/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/offline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "spool/action.h"

enum { OFFLINE_SLICE = 256 };

static int64_t offline_now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Root works as the spool's owner: a lock file of root's would shut the service out. */
static int offline_become_owner(const char *path)
{
	struct stat st;
	if (geteuid() != 0 || stat(path, &st) != 0 || st.st_uid == 0) return 0;
	if (setegid(st.st_gid) != 0 || seteuid(st.st_uid) != 0) return -errno;
	return 0;
}

int offline_enter(const struct ctl *ctl)
{
	char path[4096];
	if (!str_to_cstr(ctl->conf->spool.path, path, sizeof path))
		return ctl_fail(EX_CONFIG, "the spool's path is too long");
	/* Entered as who we are; its owner need not be able to walk there. */
	int error = chdir(path) != 0 ? -errno : offline_become_owner(".");
	if (!error) return 0;
	return ctl_fail(error == -EACCES ? EX_NOPERM : EX_NOINPUT,
		"the spool %s cannot be entered: %s", path, strerror(-error));
}

int offline_open(const struct ctl *ctl, bool write, struct store **store)
{
	struct store_options options = { .read_only = !write };
	int status = offline_enter(ctl);
	if (status) return status;
	int error = store_open(&store_lmdb, ".", &options, store);
	if (!error) return 0;
	return ctl_fail(error == -EBUSY ? EX_TEMPFAIL : error == -EACCES ? EX_NOPERM : EX_NOINPUT,
		"the spool cannot be opened: %s",
		error == -EBUSY ? "a service is using it" : strerror(-error));
}

struct str offline_state_name(enum filter_state state)
{
	switch (state) {
	case FILTER_HELD: return STR("held");
	case FILTER_POISON: return STR("poison");
	case FILTER_DEFERRED: return STR("deferred");
	case FILTER_ACTIVE:
	case FILTER_ANY_STATE: break;
	}
	return STR("active");
}

int offline_id(const char *word, uint64_t *id)
{
	if (str_from_hex64(str_of(word), id) && *id) return 0;
	return ctl_fail(EX_USAGE, "'%s' is no message id (16 hex digits)", word);
}

int offline_read(struct store *store, uint64_t id, struct arena *arena,
                 struct offline_msg *out)
{
	*out = (struct offline_msg){ 0 };
	int error = store_read_msg(store, id, arena, &out->msg);
	if (error == -ENOENT)
		return ctl_fail(EX_DATAERR, "no message %016llx in the queue", (unsigned long long)id);
	if (error) return ctl_fail(EX_IOERR, "message %016llx: %s", (unsigned long long)id, strerror(-error));
	struct cur cur = cur_of(out->msg.envelope);
	if (envelope_decode(&cur, arena, &out->envelope) != ENVELOPE_OK)
		out->envelope = (struct envelope){ 0 };
	out->state = action_state(&out->msg);
	return 0;
}

struct offline_ids {
	uint64_t at[OFFLINE_SLICE];
	size_t count;
};

static int offline_collect(void *ctx, const struct spool_msg *msg)
{
	struct offline_ids *ids = ctx;
	ids->at[ids->count++] = msg->id;
	return 0;
}

static int offline_rcpt(void *ctx, const struct spool_rcpt *rcpt)
{
	return filter_matches_recipient(ctx, rcpt->address);
}

static bool offline_matches(struct store *store, const struct filter *filter,
                            const struct offline_msg *m)
{
	struct filter copy = *filter;
	struct filter_facts facts = {
		.id = m->msg.id, .state = m->state, .from = m->envelope.sender,
		.age_ms = offline_now_ms() - m->msg.arrived_ms, .size_b = m->msg.size,
	};
	if (!filter_matches(filter, &facts)) return false;
	return filter->to.len == 0 ||
	       store_read_rcpts(store, m->msg.id, 0, SPOOL_RCPTS_MAX, offline_rcpt, &copy) == 1;
}

static int offline_one(struct store *store, uint64_t id, const struct filter *filter,
                       offline_fn *fn, void *ctx)
{
	struct arena arena;
	struct offline_msg m = { 0 };
	int result = 0;
	arena_init(&arena, OFFLINE_ARENA);
	int error = store_read_msg(store, id, &arena, &m.msg);
	if (error == -ENOENT) goto out; /* delivered meanwhile */
	m.msg.id = id;
	if (!error) {
		struct cur cur = cur_of(m.msg.envelope);
		if (envelope_decode(&cur, &arena, &m.envelope) != ENVELOPE_OK)
			m.envelope = (struct envelope){ 0 };
	}
	m.state = action_state(&m.msg);
	if (offline_matches(store, filter, &m)) result = fn(ctx, store, &m);
out:
	arena_free(&arena);
	return result;
}

int offline_walk(struct store *store, const struct filter *filter, offline_fn *fn, void *ctx)
{
	struct offline_ids ids;
	uint64_t from = filter->id;
	do {
		ids.count = 0;
		int error = store_walk(store, from, filter->id ? 1 : OFFLINE_SLICE, offline_collect, &ids);
		if (error) return ctl_fail(EX_IOERR, "the queue cannot be read: %s", strerror(-error));
		for (size_t i = 0; i < ids.count; i++) {
			int result = offline_one(store, ids.at[i], filter, fn, ctx);
			if (result) return result;
		}
		if (ids.count) from = ids.at[ids.count - 1] + 1;
	} while (ids.count == OFFLINE_SLICE);
	return 0;
}

/* --- acting without a service --------------------------------------------------------- */

struct offline_acting {
	enum queue_action action;
	struct str reason;
	bool dry;
	uint64_t count;
};

static int offline_act_one(void *ctx, struct store *store, const struct offline_msg *m)
{
	struct offline_acting *acting = ctx;
	struct spool_op op = { .id = m->msg.id };
	if (!action_applies(acting->action, m->state)) return 0;
	action_op(acting->action, offline_now_ms(), acting->reason, &op);
	acting->count++;
	if (acting->dry) return 0;
	store_commit(store, &op, 1);
	return op.result == 0 ? 0
	                      : ctl_fail(EX_IOERR, "message %016llx: %s",
					 (unsigned long long)m->msg.id, strerror(-op.result));
}

int offline_act(const struct ctl *ctl, enum queue_action action, struct str selector,
                struct str reason, bool dry, uint64_t *count)
{
	char text[256];
	struct buf why;
	struct filter filter;
	struct store *store;
	struct offline_acting acting = { action, reason, dry, 0 };
	buf_init_fixed(&why, text, sizeof text);
	if (!filter_parse_selector(selector, &filter, &why))
		return ctl_fail(EX_USAGE, "%.*s", STR_ARG(buf_view(&why)));
	int status = offline_open(ctl, !dry, &store);
	if (status) return status;
	status = offline_walk(store, &filter, offline_act_one, &acting);
	store_close(store);
	*count = acting.count;
	return status;
}
