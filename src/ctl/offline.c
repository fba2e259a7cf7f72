/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/offline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lib/queue/suspend.h"
#include "lib/route/route.h"
#include "spool/action.h"

enum { OFFLINE_SLICE = 256, PATH_LEN = 4096 };

int64_t offline_now_ms(void)
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

/* 0 or -errno; `path` is where. */
static int enter(const struct ctl *ctl, char *path, size_t size)
{
	if (!str_to_cstr(ctl->conf->spool.path, path, size)) return -ENAMETOOLONG;
	/* Entered as who we are; its owner need not be able to walk there. */
	return chdir(path) != 0 ? -errno : offline_become_owner(".");
}

static int enter_failed(int error, const char *path)
{
	if (error == -ENAMETOOLONG) return ctl_fail(EX_CONFIG, "the spool's path is too long");
	return ctl_fail(error == -EACCES ? EX_NOPERM : EX_NOINPUT,
		"the spool %s cannot be entered: %s", path, strerror(-error));
}

static int open_failed(int error)
{
	return ctl_fail(error == -EBUSY ? EX_TEMPFAIL : error == -EACCES ? EX_NOPERM : EX_NOINPUT,
		"the spool cannot be opened: %s",
		error == -EBUSY ? "a service is using it" : strerror(-error));
}

int offline_enter(const struct ctl *ctl)
{
	char path[PATH_LEN];
	int error = enter(ctl, path, sizeof path);
	return error ? enter_failed(error, path) : 0;
}

int offline_open(const struct ctl *ctl, bool write, struct store **store)
{
	struct store_options options = { .read_only = !write };
	int status = offline_enter(ctl);
	if (status) return status;
	int error = store_open(&store_lmdb, ".", &options, store);
	return error ? open_failed(error) : 0;
}

int offline_look(const struct ctl *ctl, struct store **store)
{
	struct store_options options = { .read_only = true };
	char path[PATH_LEN];
	int error = enter(ctl, path, sizeof path);
	*store = NULL;
	if (error && error != -ENOENT) return enter_failed(error, path);
	if (!error) error = store_open(&store_lmdb, ".", &options, store);
	return error && error != -ENOENT ? open_failed(error) : 0;
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

struct offline_rcpts {
	const struct conf *conf;
	const struct filter *filter;
	const struct envelope *envelope;
};

static int offline_rcpt(void *ctx, const struct spool_rcpt *rcpt)
{
	const struct offline_rcpts *r = ctx;
	struct route route = action_route(r->conf, r->envelope, rcpt);
	return spool_rcpt_is_open(rcpt->state) &&
	       filter_matches_recipient(r->filter, rcpt->address, route_name(&route));
}

static bool offline_matches(const struct ctl *ctl, struct store *store,
                            const struct filter *filter, const struct offline_msg *m)
{
	struct offline_rcpts rcpts = { ctl->conf, filter, &m->envelope };
	struct filter_facts facts = {
		.id = m->msg.id, .state = m->state, .from = m->envelope.sender,
		.age_ms = offline_now_ms() - m->msg.arrived_ms, .size_b = m->msg.size,
	};
	/* One whose sender cannot be read is not one from the null sender. */
	if (m->envelope.rcpt_count == 0 && filter->from.len) return false;
	if (!filter_matches(filter, &facts)) return false;
	return !filter_has_recipient(filter) ||
	       store_read_rcpts(store, m->msg.id, 0, SPOOL_RCPTS_MAX, offline_rcpt, &rcpts) == 1;
}

static int offline_one(const struct ctl *ctl, struct store *store, uint64_t id,
                       const struct filter *filter, offline_fn *fn, void *ctx)
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
	if (offline_matches(ctl, store, filter, &m)) result = fn(ctx, store, &m);
out:
	arena_free(&arena);
	return result;
}

int offline_walk(const struct ctl *ctl, struct store *store, const struct filter *filter,
                 offline_fn *fn, void *ctx)
{
	struct offline_ids ids;
	uint64_t from = filter->id;
	do {
		ids.count = 0;
		int error = store_walk(store, from, filter->id ? 1 : OFFLINE_SLICE, offline_collect, &ids);
		if (error) return ctl_fail(EX_IOERR, "the queue cannot be read: %s", strerror(-error));
		for (size_t i = 0; i < ids.count; i++) {
			int result = offline_one(ctl, store, ids.at[i], filter, fn, ctx);
			if (result) return result;
		}
		if (ids.count) from = ids.at[ids.count - 1] + 1;
	} while (ids.count == OFFLINE_SLICE);
	return 0;
}

/* --- acting without a service --------------------------------------------------------- */

struct offline_acting {
	const struct offline_wish *wish;
	uint64_t count;
};

static int64_t wish_until_ms(const struct offline_wish *wish)
{
	return wish->lasts_ms ? offline_now_ms() + wish->lasts_ms : 0;
}

static int offline_act_one(void *ctx, struct store *store, const struct offline_msg *m)
{
	struct offline_acting *acting = ctx;
	const struct offline_wish *wish = acting->wish;
	struct spool_op op = { .id = m->msg.id };
	if (!action_applies(wish->action, m->state)) return 0;
	acting->count++;
	if (wish->dry) return 0;
	action_op(wish->action, offline_now_ms(), wish_until_ms(wish), wish->reason, &op);
	store_commit(store, &op, 1);
	return op.result == 0 ? 0
	                      : ctl_fail(EX_IOERR, "message %016llx: %s",
					 (unsigned long long)m->msg.id, strerror(-op.result));
}

static int offline_switch_failed(int error, bool resume)
{
	if (error == -ENOENT && resume) return ctl_fail(EX_DATAERR, "this is not suspended");
	if (error == -EINVAL) return ctl_fail(EX_DATAERR, "too much is suspended already");
	return ctl_fail(EX_IOERR, "the spool cannot be written: %s", strerror(-error));
}

/* suspend and resume: a note, which the service finds when it starts. */
static int offline_switch(const struct ctl *ctl, struct store *store,
                          const struct offline_wish *wish)
{
	char key_text[SUSPEND_KEY_MAX], value_text[SUSPEND_VALUE_MAX], why_text[256];
	struct buf key, value, why;
	bool resume = wish->action == QUEUE_RESUME;
	struct suspension what = { .since_ms = offline_now_ms(), .until_ms = wish_until_ms(wish),
		.reason = wish->reason };
	buf_init_fixed(&key, key_text, sizeof key_text);
	buf_init_fixed(&value, value_text, sizeof value_text);
	buf_init_fixed(&why, why_text, sizeof why_text);
	if (!suspend_parse(wish->selector, &what.kind, &what.name, &why))
		return ctl_fail(EX_USAGE, "%.*s", STR_ARG(buf_view(&why)));
	if (!resume && !suspend_may(ctl->conf, what.kind, what.name))
		return ctl_fail(EX_DATAERR, "there is no route of that name");
	suspend_key_write(&key, what.kind, what.name);
	if (!resume) suspend_value_write(&value, &what);
	struct spool_op op = { .kind = SPOOL_OP_NOTE, .note = { buf_view(&key), buf_view(&value) } };
	store_commit(store, &op, 1);
	return op.result ? offline_switch_failed(op.result, resume) : 0;
}

int offline_act(const struct ctl *ctl, const struct offline_wish *wish, uint64_t *count)
{
	char text[256];
	struct buf why;
	struct filter filter;
	struct store *store;
	struct offline_acting acting = { .wish = wish };
	bool is_switch = wish->action == QUEUE_SUSPEND || wish->action == QUEUE_RESUME;
	buf_init_fixed(&why, text, sizeof text);
	if (!filter_parse_selector(wish->selector, &filter, &why))
		return ctl_fail(EX_USAGE, "%.*s", STR_ARG(buf_view(&why)));
	if (wish->action == QUEUE_BOUNCE && !wish->dry)
		return ctl_fail(EX_UNAVAILABLE, "bounce needs the running service, which writes the reports");
	int status = offline_open(ctl, !wish->dry, &store);
	if (status) return status;
	if (is_switch && !wish->dry) {
		status = offline_switch(ctl, store, wish);
		acting.count = status == 0;
	} else {
		status = offline_walk(ctl, store, &filter, offline_act_one, &acting);
	}
	store_close(store);
	*count = acting.count;
	return status;
}
