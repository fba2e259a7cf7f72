/* SPDX-License-Identifier: Apache-2.0 */
/* The text is there: what its header says is looked at, and it goes to spool. */
#include "receive/receive.h"

#include "lib/mail/authors.h"

enum { ADDRESS_MAX = 1024, LOOP_TEXT_MAX = 500 };

static enum dialog content_refuse(struct session *s, const char *stage, const struct verdict *v)
{
	dialog_refuse(s, stage, s->tx->said, STR(""), v);
	transaction_drop(s);
	return DIALOG_GO_ON;
}

/* One field's mailboxes, in the form in which the envelope has them. */
static bool content_field(struct str value, struct buf *list)
{
	char memory[MAIL_AUTHORS_MAX * (MAIL_AUTHOR_LEN_MAX + 1)];
	struct buf out;
	buf_init_fixed(&out, memory, sizeof memory);
	if (!mail_authors_parse(value, MAIL_AUTHORS_MAX, &out)) return false;
	for (struct str rest = buf_view(&out); rest.len;) {
		char text[ADDRESS_MAX];
		struct buf bracketed;
		struct smtp_path path;
		struct str behind, address = str_cut(&rest, '\n');
		buf_init_fixed(&bracketed, text, sizeof text);
		buf_byte(&bracketed, '<');
		buf_str(&bracketed, address);
		buf_byte(&bracketed, '>');
		if (smtp_path_parse(buf_view(&bracketed), SMTP_REVERSE_PATH, &path, &behind) !=
			    SMTP_PATH_OK || behind.len || path.is_null)
			return false;
		smtp_path_write(list, &path);
		buf_byte(list, '\n');
	}
	return true;
}

/* The fields' values become a list of addresses. False: they cannot be read. Where the
 * header ends with a line that is no field, other programs may read on. */
static bool content_read_authors(struct transaction *tx)
{
	struct buf list;
	bool good = !tx->authors.overflowed && !tx->scan.malformed;
	size_t count = 0;
	buf_init(&list, MAIL_AUTHORS_TEXT_MAX);
	for (struct str rest = buf_view(&tx->authors); good && rest.len;)
		good = content_field(str_cut(&rest, '\0'), &list);
	for (size_t i = 0; i < list.len; i++) count += list.at[i] == '\n';
	good = good && !list.overflowed && count <= MAIL_AUTHORS_MAX;
	buf_free(&tx->authors);
	tx->authors = list;
	tx->scan.authors = NULL;
	return good;
}

/* Asks about each author in turn; accepts when all are found good. */
static struct verdict content_authors(struct session *s, struct facts *facts)
{
	struct transaction *tx = s->tx;
	if (!policy_wants_authors(facts)) return verdict_accept();
	if (tx->scan.authors) facts->authors_unreadable = !content_read_authors(tx);
	struct verdict v = verdict_accept();
	do {
		struct str rest = str_from(buf_view(&tx->authors), tx->author_at);
		facts->author = str_cut(&rest, '\n');
		facts->owner = s->found;
		v = policy_content(facts);
		if (v.kind == VERDICT_NEED && ask_owner(s, ASKED_AUTHOR, facts->author) == DIALOG_WAIT)
			return v;
		if (v.kind == VERDICT_NEED) continue;
		if (v.kind == VERDICT_REFUSE) return v;
		s->found = (struct owner){ 0 };
		tx->author_at += facts->author.len + 1;
	} while (tx->author_at < tx->authors.len);
	return v;
}

static enum dialog content_keep(struct session *s)
{
	struct transaction *tx = s->tx;
	struct verdict v = verdict_builtin(451, "4.3.0",
		STR("The message could not be kept; try again in a moment"), "spool");
	extra_header(s);
	if (transaction_commit(tx)) {
		tell_repair(s);
		return DIALOG_WAIT;
	}
	if (tx->refused_code)
		v = verdict_builtin(tx->refused_code, tx->refused_dsn, tx->refused_text, "spool");
	return content_refuse(s, "data", &v);
}

/* How often it was on the way, and here, by its Received fields. What it was sent to is what
 * leads back. */
static struct verdict content_loop(struct session *s, struct buf *text)
{
	const struct mail_scan *scan = &s->tx->scan;
	const struct conf_limit *limit = &s->rx->frame->conf->limit;
	bool ours = scan->received_by > (uint32_t)limit->own_hops;
	uint32_t count = ours ? scan->received_by : scan->received;
	const char *rule = ours ? "own-hops" : "hops";
	if (!ours && count <= (uint32_t)limit->hops) return verdict_accept();
	buf_str(text, STR("The message goes round in a circle: "));
	buf_u64(text, count);
	buf_str(text, STR(" of its Received fields"));
	if (ours) buf_str(text, STR(" say by "));
	if (ours) buf_str(text, scan->host);
	buf_str(text, ours ? STR("; look at them, and for a forwarding address, alias or route that leads back here")
			   : STR(" are too many; look at them for a forwarding address, alias or route that leads back"));
	tell_loop(s, count, rule);
	return verdict_builtin(554, "5.4.6", buf_view(text), rule);
}

enum dialog content_end(struct session *s)
{
	struct transaction *tx = s->tx;
	char memory[LOOP_TEXT_MAX];
	struct buf text;
	buf_init_fixed(&text, memory, sizeof memory);
	struct verdict v = verdict_accept();
	if (tx->scan.too_large) {
		v = verdict_builtin(552, "5.3.4",
			STR("The header of the message is too large"), "header size");
	} else if (v = content_loop(s, &text), v.kind == VERDICT_ACCEPT) {
		struct facts facts = dialog_facts(s);
		facts.sender = tx->said;
		v = content_authors(s, &facts);
	}
	if (v.kind == VERDICT_NEED) return DIALOG_WAIT;
	s->found = (struct owner){ 0 };
	if (v.kind == VERDICT_REFUSE) return content_refuse(s, "content", &v);
	return content_keep(s);
}
