/* SPDX-License-Identifier: Apache-2.0 */
/* explain rcpt and explain client, printed. */
#include <stdio.h>

#include "ctl/explain.h"
#include "ctl/explain_counts.h"
#include "lib/base/json.h"
#include "lib/conf/table.h"

enum { LINE_MAX_LEN = 8 * 1024, OBJECT_MAX = 2 * 1024 * 1024 };

/* --- parts of both ------------------------------------------------------------------------ */

static void origin_write(struct buf *out, const struct conf_origin *from)
{
	buf_str(out, from->file);
	if (from->line) buf_fmt(out, ":%u", from->line);
}

/* "accept auth exempt tls as-listener relay yes" */
static void host_write(struct buf *out, const struct conf_host *host)
{
	const struct { const char *word; unsigned value; } rows[] = {
		{ "accept", host->action }, { "auth", host->auth }, { "tls", host->tls },
		{ "relay", host->relay },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct conf_row *row = conf_row_find(CONF_BLOCK_conf_host, str_of(rows[i].word));
		if (i) buf_fmt(out, " %s ", rows[i].word);
		buf_str(out, row->words->at[rows[i].value].word);
	}
}

static struct str role_word(const struct conf_listener *listener)
{
	const struct conf_row *row = conf_row_find(CONF_BLOCK_conf_listener, STR("role"));
	return row->words->at[listener->role].word;
}

static const char *verdict_word(const struct verdict *v)
{
	switch (v->kind) {
	case VERDICT_ACCEPT: return "accept";
	case VERDICT_HOLD: return "hold";
	case VERDICT_REFUSE:
	case VERDICT_NEED: break;
	}
	return "refuse";
}

static const char *known_word(enum answer known)
{
	switch (known) {
	case ANSWER_NO: return "no";
	case ANSWER_YES: return "yes";
	case ANSWER_CANNOT_TELL: return "cannot tell";
	case ANSWER_CIRCLE: return "its aliases lead in a circle";
	case ANSWER_UNKNOWN: break;
	}
	return "not asked";
}

/* Of all stages: a message is held by what an early one said. */
static const struct verdict *decision(const struct who *w)
{
	const struct verdict *last = &w->stages[w->count - 1].verdict;
	for (size_t i = 0; i < w->count && last->kind == VERDICT_ACCEPT; i++)
		if (w->stages[i].verdict.kind == VERDICT_HOLD) return &w->stages[i].verdict;
	return last;
}

/* --- text --------------------------------------------------------------------------------- */

static void text_client(const struct who *w, struct buf *b)
{
	const struct facts *f = &w->facts;
	ip_write(b, w->client);
	if (w->helo) buf_fmt(b, ", calls itself %s", w->helo);
	explain_line("client", buf_view(b));
	buf_reset(b);
	buf_fmt(b, "%.*s, role %.*s, ", STR_ARG(f->listener->name), STR_ARG(role_word(f->listener)));
	origin_write(b, &f->listener->origin);
	explain_line("listener", buf_view(b));
	buf_reset(b);
	if (f->host) {
		host_write(b, f->host);
		buf_str(b, STR(", "));
		origin_write(b, &f->host->origin);
	} else {
		buf_str(b, STR("none"));
	}
	explain_line("host rule", buf_view(b));
	const struct conf_network *list = f->relay_never ? f->relay_never : f->relay_from;
	buf_reset(b);
	if (list) {
		buf_str(b, f->relay_never ? STR("never, ") : STR("from, "));
		origin_write(b, &list->from);
	} else {
		buf_str(b, STR("none"));
	}
	explain_line("relay list", buf_view(b));
}

/* What is looked at only of strangers. */
static void text_reputation(const struct who *w, struct buf *b)
{
	const struct facts *f = &w->facts;
	struct reputation r;
	bool stranger = policy_is_stranger(f);
	policy_reputation_count(f, &r);
	buf_reset(b);
	buf_fmt(b, stranger ? "yes, with %lld points" : "no", (long long)r.score);
	explain_line("stranger", buf_view(b));
	if (!stranger || f->conf->dnsbl_count == 0) return;
	buf_reset(b);
	buf_str(b, STR("not asked:"));
	for (size_t i = 0; i < f->conf->dnsbl_count; i++) {
		buf_byte(b, ' ');
		buf_str(b, f->conf->dnsbls[i].name);
	}
	explain_line("lists", buf_view(b));
}

static void text_session(const struct who *w)
{
	const struct facts *f = &w->facts;
	const char *right = policy_right(f);
	explain_line("user", f->authenticated ? f->user : STR("-"));
	explain_line("tls", f->tls ? STR("yes") : STR("no"));
	explain_line("right", right ? str_of(right) : STR("none: it brings mail as any server may"));
}

static void text_owner(const struct who *w, struct buf *b)
{
	const struct owner *o = &w->sender.owner;
	buf_reset(b);
	buf_byte(b, '<');
	buf_str(b, w->facts.sender);
	buf_str(b, STR(">"));
	if (o->known == ANSWER_YES) {
		buf_str(b, STR(", belongs to "));
		buf_str(b, o->address);
		buf_str(b, STR(", at home on "));
		buf_str(b, o->home);
	} else if (o->known == ANSWER_NO) {
		buf_str(b, STR(", is nobody's whom this server knows"));
	} else if (o->known == ANSWER_CANNOT_TELL) {
		buf_fmt(b, ", the directory cannot be asked: %s", w->sender.why);
	}
	explain_line("sender", buf_view(b));
	buf_reset(b);
	buf_byte(b, '<');
	buf_str(b, w->to);
	buf_str(b, STR(">"));
	if (w->facts.exists != ANSWER_UNKNOWN) buf_fmt(b, ", exists: %s", known_word(w->facts.exists));
	if (w->facts.exists == ANSWER_CANNOT_TELL) buf_fmt(b, " (%s)", w->recipient.why);
	explain_line("recipient", buf_view(b));
}

/* Whom the address stands for, and what is wrong with that. */
static void text_aliases(const struct who *w)
{
	const struct lookup *l = &w->recipient;
	struct str rest = buf_view(&l->targets);
	explain_line("alias", str_of(l->rule));
	if (!l->rule[0]) rest = STR("");
	while (rest.len) explain_line("  goes to", str_from(str_cut(&rest, '\n'), 1));
	for (rest = buf_view(&l->faults); rest.len;)
		explain_line("  wrong", str_cut(&rest, '\n'));
}

static void verdict_write(struct buf *b, const struct verdict *v)
{
	buf_str(b, str_of(verdict_word(v)));
	if (v->kind == VERDICT_REFUSE) buf_fmt(b, " %u %s", v->code, v->dsn);
	if (v->text.len) {
		buf_byte(b, ' ');
		buf_str(b, v->text);
	}
	if (v->kind == VERDICT_ACCEPT) return;
	buf_str(b, STR("; rule "));
	verdict_rule_write(v, b);
}

static struct counts counts;

int who_text(const struct who *w)
{
	char memory[LINE_MAX_LEN], name[32];
	struct buf b;
	buf_init_fixed(&b, memory, sizeof memory);
	text_client(w, &b);
	text_session(w);
	text_reputation(w, &b);
	if (w->to.len) text_owner(w, &b);
	text_aliases(w);
	for (size_t i = 0; i < w->count; i++) {
		buf_reset(&b);
		verdict_write(&b, &w->stages[i].verdict);
		(void)snprintf(name, sizeof name, "> %s", w->stages[i].name);
		explain_line(name, buf_view(&b));
	}
	counts_ask(w, &counts);
	counts_text(&counts);
	const struct verdict *v = decision(w);
	buf_reset(&b);
	verdict_write(&b, v);
	if (policy_is_told(&w->facts, v)) buf_str(&b, STR("; the postmaster is told"));
	explain_line("verdict", buf_view(&b));
	return 0;
}

/* --- JSON --------------------------------------------------------------------------------- */

static void json_origin(struct json *j, const char *key, const struct conf_origin *from)
{
	char memory[4096];
	struct buf b;
	json_key(j, str_of(key));
	if (!from) {
		json_nothing(j);
		return;
	}
	buf_init_fixed(&b, memory, sizeof memory);
	origin_write(&b, from);
	json_str(j, buf_view(&b));
}

static void json_verdict(struct json *j, const struct verdict *v)
{
	char memory[4096];
	struct buf b;
	json_str_at(j, STR("verdict"), str_of(verdict_word(v)));
	if (v->kind == VERDICT_ACCEPT) return;
	buf_init_fixed(&b, memory, sizeof memory);
	verdict_rule_write(v, &b);
	if (v->kind == VERDICT_REFUSE) {
		json_i64_at(j, STR("code"), v->code);
		json_str_at(j, STR("dsn"), str_of(v->dsn));
	}
	json_str_at(j, STR("reply"), v->text);
	json_str_at(j, STR("rule"), buf_view(&b));
}

static void json_flag(struct json *j, const char *key, bool value)
{
	json_key(j, str_of(key));
	json_bool(j, value);
}

static void json_reputation(struct json *j, const struct facts *f)
{
	struct reputation r;
	policy_reputation_count(f, &r);
	json_flag(j, "stranger", policy_is_stranger(f));
	json_i64_at(j, STR("score"), r.score);
	json_str_at(j, STR("client_name"), STR("not asked"));
	json_key(j, STR("lists")); /* those that would be asked */
	json_begin_array(j);
	for (size_t i = 0; policy_is_stranger(f) && i < f->conf->dnsbl_count; i++) {
		json_begin_object(j);
		json_str_at(j, STR("list"), f->conf->dnsbls[i].name);
		json_i64_at(j, STR("score"), f->conf->dnsbls[i].score);
		json_end_object(j);
	}
	json_end_array(j);
}

static void json_lines(struct json *j, const char *key, struct str rest, size_t skipped)
{
	json_key(j, str_of(key));
	json_begin_array(j);
	while (rest.len) json_str(j, str_from(str_cut(&rest, '\n'), skipped));
	json_end_array(j);
}

static void json_facts(struct json *j, const struct who *w)
{
	const struct facts *f = &w->facts;
	const char *right = policy_right(f);
	char memory[64];
	struct buf client;
	buf_init_fixed(&client, memory, sizeof memory);
	ip_write(&client, w->client);
	json_str_at(j, STR("client"), buf_view(&client));
	json_str_at(j, STR("helo"), str_of(w->helo ? w->helo : ""));
	json_str_at(j, STR("listener"), f->listener->name);
	json_str_at(j, STR("role"), role_word(f->listener));
	json_origin(j, "host_rule", f->host ? &f->host->origin : NULL);
	json_origin(j, "relay_from", f->relay_from ? &f->relay_from->from : NULL);
	json_origin(j, "relay_never", f->relay_never ? &f->relay_never->from : NULL);
	json_str_at(j, STR("user"), f->authenticated ? f->user : STR("-"));
	json_flag(j, "tls", f->tls);
	json_str_at(j, STR("right"), str_of(right ? right : ""));
	json_reputation(j, f);
	if (!w->to.len) return;
	json_str_at(j, STR("from"), f->sender);
	json_str_at(j, STR("to"), w->to);
	json_str_at(j, STR("sender_known"), str_of(known_word(w->sender.owner.known)));
	json_str_at(j, STR("sender_owner"), w->sender.owner.address);
	json_str_at(j, STR("sender_home"), w->sender.owner.home);
	json_str_at(j, STR("recipient_exists"), str_of(known_word(f->exists)));
	json_str_at(j, STR("alias_rule"), str_of(w->recipient.rule));
	json_lines(j, "targets", buf_view(&w->recipient.targets), 1);
	json_lines(j, "alias_faults", buf_view(&w->recipient.faults), 0);
}

int who_json(const struct who *w)
{
	static char memory[OBJECT_MAX];
	struct buf out;
	struct json j = { .out = &out };
	buf_init_fixed(&out, memory, sizeof memory);
	json_begin_object(&j);
	json_facts(&j, w);
	json_key(&j, STR("stages"));
	json_begin_array(&j);
	for (size_t i = 0; i < w->count; i++) {
		json_begin_object(&j);
		json_str_at(&j, STR("stage"), str_of(w->stages[i].name));
		json_verdict(&j, &w->stages[i].verdict);
		json_end_object(&j);
	}
	json_end_array(&j);
	counts_ask(w, &counts);
	counts_json(&j, &counts);
	json_verdict(&j, decision(w));
	json_flag(&j, "told", policy_is_told(&w->facts, decision(w)));
	json_end_object(&j);
	return explain_print(&out);
}
