/* SPDX-License-Identifier: Apache-2.0 */
/* Alias files: who gets the mail for an address, where more than a directory says it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/alias/expand.h"
#include "services/directory/alias_file.h"
#include "services/directory/directory.h"

enum {
	FILES_MAX = 256,
	CHECK_EVERY_MS = 1000,
	ASKINGS_MAX = 4096, /* questions that wait for a directory */
	TARGETS_TEXT_MAX = ALIAS_RESULTS_MAX * (ALIAS_ADDRESS_MAX + 2),
};

struct entry {
	struct alias_file file;
	struct alias_table table;
	bool usable; /* the table is the last one that was good */
	bool wanted;
};

struct aliases {
	struct directory *d;
	struct alias_folders folders;
	struct entry *entries[FILES_MAX];
	size_t count;
	struct link askings; /* that wait for a directory */
	size_t asking_count;
	struct loop_timer *timer; /* NULL: the role does not serve yet */
};

/* --- events ------------------------------------------------------------------------------- */

static void tell_problems(struct aliases *a, const struct alias_table *t)
{
	struct event_log *log = a->d->frame->log;
	size_t kept = t->problem_count < ALIAS_PROBLEMS_MAX ? t->problem_count : ALIAS_PROBLEMS_MAX;
	for (size_t i = 0; i < kept; i++) {
		char memory[ALIAS_PATH_MAX + sizeof t->problems->sentence + 16];
		struct buf error;
		buf_init_fixed(&error, memory, sizeof memory);
		alias_problem_write(&t->problems[i], &error);
		event_begin(log, EVENT_alias_error, 0, 0);
		event_str(log, FIELD_path, t->path);
		event_str(log, FIELD_error, buf_view(&error));
		event_i64(log, FIELD_count, (int64_t)t->problem_count);
		event_end(log);
	}
}

static void tell_use(struct aliases *a, const struct alias_table *t)
{
	struct event_log *log = a->d->frame->log;
	event_begin(log, EVENT_alias_file, 0, 0);
	event_str(log, FIELD_path, t->path);
	event_i64(log, FIELD_count, (int64_t)t->count);
	event_end(log);
}

static void tell_faults(struct aliases *a, const struct alias_expansion *x, struct str address)
{
	struct event_log *log = a->d->frame->log;
	for (size_t i = 0; i < x->fault_count; i++) {
		char memory[ALIAS_PATH_MAX + 32];
		struct buf rule;
		buf_init_fixed(&rule, memory, sizeof memory);
		alias_fault_rule(&x->faults[i], &rule);
		event_begin(log, EVENT_alias_fault, 0, 0);
		event_str(log, FIELD_to, address);
		event_str(log, FIELD_targets, x->faults[i].address);
		event_str(log, FIELD_rule, buf_view(&rule));
		event_str(log, FIELD_reason, str_of(x->faults[i].reason));
		event_end(log);
	}
}

/* --- files -------------------------------------------------------------------------------- */

static void entry_free(struct entry *e)
{
	alias_file_free(&e->file);
	alias_table_free(&e->table);
	free(e);
}

static void entry_read(struct aliases *a, struct entry *e)
{
	struct alias_table table;
	if (alias_file_read(&e->file, &table)) {
		alias_table_free(&e->table);
		e->table = table;
		e->usable = true;
		tell_use(a, &table);
		return;
	}
	tell_problems(a, &table);
	alias_table_free(&table);
}

static struct entry *entry_find(struct aliases *a, struct str path)
{
	for (size_t i = 0; i < a->count; i++)
		if (str_eq(buf_view(&a->entries[i]->file.path), path)) return a->entries[i];
	return NULL;
}

static void entry_add(struct aliases *a, struct str path)
{
	struct entry *e = a->count < FILES_MAX ? calloc(1, sizeof *e) : NULL;
	if (e && alias_file_init(&e->file, &a->folders, path)) {
		e->wanted = true;
		a->entries[a->count++] = e;
		return;
	}
	if (e) entry_free(e);
	event_begin(a->d->frame->log, EVENT_alias_error, 0, 0);
	event_str(a->d->frame->log, FIELD_path, path);
	event_str(a->d->frame->log, FIELD_error, STR("there are too many files of aliases: 256 are possible"));
	event_end(a->d->frame->log);
}

/* The files of the configuration; those that stay keep their tables. */
static void entries_set(struct aliases *a, const struct conf *conf)
{
	size_t kept = 0;
	for (size_t i = 0; i < a->count; i++) a->entries[i]->wanted = false;
	for (size_t i = 0; i < conf->domain_count; i++) {
		struct str path = conf->domains[i].aliases;
		struct entry *e = path.len ? entry_find(a, path) : NULL;
		if (e) e->wanted = true;
		else if (path.len) entry_add(a, path);
	}
	for (size_t i = 0; i < a->count; i++) {
		if (a->entries[i]->wanted) a->entries[kept++] = a->entries[i];
		else entry_free(a->entries[i]);
	}
	a->count = kept;
}

/* --- questions ---------------------------------------------------------------------------- */

/* A question of receive that is worked on. */
struct asking {
	struct pool_ask ask;
	struct link all; /* in aliases->askings */
	struct aliases *a;
	struct channel *ch;
	uint64_t query;
	bool owner;
	size_t address_len;
	char address[ALIAS_ADDRESS_MAX];
	struct alias_expansion x;
};

static void asking_free(struct asking *q)
{
	pool_cancel(&q->ask);
	link_remove(&q->all);
	q->a->asking_count--;
	alias_expand_end(&q->x);
	free(q);
}

static const struct alias_table *table_of(void *arg, const struct conf_domain *domain)
{
	struct entry *e = entry_find(arg, domain->aliases);
	return e && e->usable ? &e->table : NULL;
}

static void asking_begin(struct asking *q)
{
	const struct alias_where where = { q->a->d->frame->conf, table_of, q->a, q->owner };
	alias_expand_begin(&q->x, &where, (struct str){ q->address, q->address_len });
}

static uint8_t result_of(enum alias_result result)
{
	switch (result) {
	case ALIAS_NOBODY: return ANSWER_NO;
	case ALIAS_KNOWN: return ANSWER_YES;
	case ALIAS_LATER: return ANSWER_LATER;
	case ALIAS_CIRCLE: break;
	}
	return ANSWER_CIRCLE;
}

static void write_targets(const struct alias_expansion *x, struct buf *out)
{
	for (size_t i = 0; i < x->count; i++) {
		buf_byte(out, x->targets[i].known ? '+' : '-');
		buf_str(out, x->targets[i].address);
		buf_byte(out, '\n');
	}
}

static void asking_end(struct asking *q)
{
	const struct alias_expansion *x = &q->x;
	struct buf targets;
	buf_init(&targets, TARGETS_TEXT_MAX);
	if (!q->owner) tell_faults(q->a, x, (struct str){ q->address, q->address_len });
	if (!q->owner) write_targets(x, &targets);
	bool alone = x->result == ALIAS_KNOWN && x->count == 1;
	channel_send_found(q->ch, &(struct msg_found){
		.query = q->query,
		.result = targets.overflowed ? ANSWER_LATER : result_of(x->result),
		.address = { x->owner, alone ? x->owner_len : 0 },
		.home = { x->home, alone ? x->home_len : 0 },
		.how = (uint8_t)x->how,
		.targets = buf_view(&targets),
		.rule = str_of(x->rule) });
	buf_free(&targets);
	asking_free(q);
}

static void take_local(struct asking *q, enum answer answer, const struct directory_entry *entry)
{
	switch (answer) {
	case ANSWER_YES:
		alias_expand_answer(&q->x, ALIAS_ANSWER_YES, entry->address, entry->home);
		break;
	case ANSWER_NO: alias_expand_answer(&q->x, ALIAS_ANSWER_NO, STR(""), STR("")); break;
	case ANSWER_LATER: alias_expand_answer(&q->x, ALIAS_ANSWER_LATER, STR(""), STR("")); break;
	}
}

static void take_remote(struct asking *q, const struct pool_answer *a)
{
	const struct backend_entry *e = a->entry;
	struct directory_entry entry = { 0 };
	if (a->result == BACKEND_OK) {
		entry.address = (struct str){ e->address, e->address_len };
		entry.home = (struct str){ e->home, e->home_len };
	}
	take_local(q, a->result == BACKEND_OK ? ANSWER_YES
		: a->result == BACKEND_NONE ? ANSWER_NO : ANSWER_LATER, &entry);
}

/* As lookup_ask asks; false: the answer comes later. */
static bool ask_one(struct asking *q)
{
	struct directory *d = q->a->d;
	struct str name = q->x.question.directory, address = q->x.question.address;
	struct remote *r = remote_find(d, name);
	struct pool_answer now;
	if (r && r->list) {
		if (!pool_find(r->list, POOL_RECIPIENT, address, &q->ask, &now)) return false;
		take_remote(q, &now);
		return true;
	}
	struct source *s = source_find(d, name);
	struct directory_entry entry = { .address = address };
	if (r && r->checks && !s) {
		entry.home = str_of(pool_settings(r->checks)->home);
		take_local(q, ANSWER_YES, &entry);
	} else {
		take_local(q, source_lookup(d, s, address, &entry), &entry);
	}
	return true;
}

static void asking_go_on(struct asking *q)
{
	while (alias_expand_next(&q->x))
		if (!ask_one(q)) return;
	asking_end(q);
}

static void answered(struct pool_ask *ask, const struct pool_answer *answer)
{
	struct asking *q = CONTAINER(ask, struct asking, ask);
	take_remote(q, answer);
	asking_go_on(q);
}

/* What they have seen so far is not there any more. */
static void askings_begin_again(struct aliases *a)
{
	struct link again;
	list_init(&again);
	for (struct link *it; (it = list_take(&a->askings));) list_add_tail(&again, it);
	for (struct link *it; (it = list_take(&again));) {
		struct asking *q = CONTAINER(it, struct asking, all);
		list_add_tail(&a->askings, it);
		pool_cancel(&q->ask);
		q->ask = (struct pool_ask){ .done = answered };
		alias_expand_end(&q->x);
		asking_begin(q);
		asking_go_on(q);
	}
}

void aliases_forget(struct aliases *a, const struct channel *ch)
{
	LIST_EACH(it, &a->askings) {
		struct asking *q = CONTAINER(it, struct asking, all);
		if (!ch || q->ch == ch || channel_peer_index(q->ch) == channel_peer_index(ch))
			asking_free(q);
	}
}

bool aliases_ask(struct aliases *a, struct channel *ch, const struct msg_lookup *m)
{
	if (!alias_concerns(a->d->frame->conf, m->address)) return false;
	bool room = a->asking_count < ASKINGS_MAX && m->address.len <= ALIAS_ADDRESS_MAX;
	struct asking *q = room ? calloc(1, sizeof *q) : NULL;
	if (!q) {
		channel_send_found(ch, &(struct msg_found){ .query = m->query, .result = ANSWER_LATER });
		return true;
	}
	*q = (struct asking){ .ask.done = answered, .a = a, .ch = ch, .query = m->query,
		.owner = m->owner != 0, .address_len = m->address.len };
	if (m->address.len) memcpy(q->address, m->address.at, m->address.len);
	list_add_tail(&a->askings, &q->all);
	a->asking_count++;
	asking_begin(q);
	asking_go_on(q);
	return true;
}

/* --- the role ----------------------------------------------------------------------------- */

static void check(void *arg)
{
	struct aliases *a = arg;
	bool changed = false;
	for (size_t i = 0; i < a->count; i++) {
		if (!alias_file_has_changed(&a->entries[i]->file)) continue;
		entry_read(a, a->entries[i]);
		changed = true;
	}
	if (changed) askings_begin_again(a);
	loop_timer_set(a->timer, CHECK_EVERY_MS);
}

struct aliases *aliases_new(struct directory *d)
{
	struct aliases *a = calloc(1, sizeof *a);
	if (!a) return NULL;
	a->d = d;
	list_init(&a->askings);
	entries_set(a, d->frame->conf);
	/* Read once for the folders of its list files alone: what the role's user may not read
	 * must not count now and be missing after the next change. */
	a->folders.preparing = true;
	for (size_t i = 0; i < a->count; i++) {
		struct alias_table table;
		(void)alias_file_read(&a->entries[i]->file, &table);
		alias_table_free(&table);
	}
	a->folders.preparing = false;
	return a;
}

bool aliases_start(struct aliases *a)
{
	a->timer = loop_timer_new(a->d->frame->loop, check, a);
	if (!a->timer) return false;
	for (size_t i = 0; i < a->count; i++) entry_read(a, a->entries[i]);
	loop_timer_set(a->timer, CHECK_EVERY_MS);
	return true;
}

void aliases_reload(struct aliases *a, const struct conf *conf)
{
	entries_set(a, conf);
	for (size_t i = 0; i < a->count; i++) entry_read(a, a->entries[i]);
	askings_begin_again(a);
	/* What the sandbox does not let in, a fresh process can name to it. */
	if (!alias_folders_are_prepared(&a->folders)) frame_leave(a->d->frame);
}

void aliases_free(struct aliases *a)
{
	if (!a) return;
	aliases_forget(a, NULL);
	loop_timer_free(a->timer);
	for (size_t i = 0; i < a->count; i++) entry_free(a->entries[i]);
	alias_folders_free(&a->folders);
	free(a);
}
