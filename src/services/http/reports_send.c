/* SPDX-License-Identifier: Apache-2.0 */
/* A domain's reports: where they go, one address after the other, and again where that did
 * not go well. */
#include <string.h>

#include "services/http/gzip.h"
#include "services/http/reports.h"

enum { HTTP_OK = 200, HTTP_OTHERS = 300, TLS_PREFIX_MAX = 300 };

static void go_on(struct sending *s);

/* --- telling ------------------------------------------------------------------------------ */

static void tell_sent(const struct sending *s)
{
	const struct reports *r = s->r;
	struct event_log *log = r->frame->log;
	event_begin(log, EVENT_tls_report, 0, 0);
	event_str(log, FIELD_domain, s->domain->name);
	event_str(log, FIELD_to, s->record.uris[s->at]);
	event_end(log);
}

/* --- the report ----------------------------------------------------------------------------- */

static struct tlsrpt_head head_of(const struct reports *r, struct buf *contact)
{
	const struct conf *conf = r->frame->conf;
	struct str named = conf->tlsrpt.contact.len ? conf->tlsrpt.contact : conf->postmaster;
	if (!named.len) {
		buf_str(contact, STR("postmaster@"));
		buf_str(contact, conf->hostname);
		named = buf_view(contact);
	}
	return (struct tlsrpt_head){
		.organization = conf->tlsrpt.organization.len ? conf->tlsrpt.organization : conf->hostname,
		.contact = named,
		.host = conf->hostname,
		.begin_ms = r->due.begin_ms,
		.end_ms = r->due.end_ms,
	};
}

static bool pack(struct sending *s)
{
	char memory[TLSRPT_ADDRESS_MAX];
	struct buf contact, text;
	buf_init_fixed(&contact, memory, sizeof memory);
	buf_init(&text, TLSRPT_JSON_MAX);
	struct tlsrpt_head head = head_of(s->r, &contact);
	tlsrpt_json_write(&text, &head, s->domain);
	buf_reset(&s->packed);
	bool good = !text.overflowed && gzip_write(&s->packed, buf_view(&text));
	buf_free(&text);
	return good;
}

/* --- an end --------------------------------------------------------------------------------- */

static void end(struct sending *s, bool good)
{
	struct result_domain *d = s->domain;
	struct reports *r = s->r;
	d->busy = false;
	s->domain = NULL;
	s->letter = 0;
	buf_free(&s->packed);
	buf_free(&s->texts);
	r->changed = true;
	if (!good && ++d->tries < REPORTS_TRIES_MAX) {
		d->again_ms = loop_now_ms(r->frame->loop) + r->frame->conf->tlsrpt.every_ms / REPORTS_AGAIN;
		return;
	}
	d->done = true;
	if (!good) reports_tell_error(r, d->name, STR(""), str_of(s->why));
}

static void failed(struct sending *s, struct str why)
{
	(void)str_to_cstr(why, s->why, sizeof s->why);
	s->failed = true;
}

/* Nothing will ever go there: told at once, and not asked again. */
static void hopeless(struct sending *s, struct str uri, struct str why)
{
	reports_tell_error(s->r, s->domain->name, uri, why);
	s->domain->sent |= (uint8_t)(1u << s->at);
}

static void one_done(struct sending *s, bool good, struct str why)
{
	if (good) {
		s->domain->sent |= (uint8_t)(1u << s->at);
		tell_sent(s);
	} else {
		failed(s, why);
	}
	s->at++;
	go_on(s);
}

/* --- by mail -------------------------------------------------------------------------------- */

/* Whether it is on its way. */
static bool mail(struct sending *s, struct str uri)
{
	struct reports *r = s->r;
	char to_text[TLSRPT_ADDRESS_MAX], contact_text[TLSRPT_ADDRESS_MAX];
	struct buf to, contact, text;
	buf_init_fixed(&to, to_text, sizeof to_text);
	buf_init_fixed(&contact, contact_text, sizeof contact_text);
	if (!tlsrpt_address(uri, &to)) {
		hopeless(s, uri, STR("mail cannot go to the address in rua"));
		return false;
	}
	struct tlsrpt_head head = head_of(r, &contact);
	buf_init(&text, TLSRPT_MAIL_MAX);
	s->letter = ++r->last_letter;
	tlsrpt_mail_write(&text, &(struct tlsrpt_mail){ .head = &head, .domain = s->domain->name,
		.to = buf_view(&to), .packed = buf_view(&s->packed),
		.now_ms = loop_wall_ms(r->frame->loop), .number = s->letter });
	bool good = r->spool && !text.overflowed && !contact.overflowed;
	if (good)
		channel_send_letter(r->spool, &(struct msg_letter){ .number = s->letter,
			.to = buf_view(&to), .text = buf_view(&text) });
	else failed(s, text.overflowed ? STR("it is too large for a mail")
				       : STR("there is no spool at present"));
	if (!good) s->letter = 0;
	buf_free(&text);
	return good;
}

void reports_letter_kept(struct reports *r, const struct msg_letter_kept *m)
{
	for (size_t i = 0; i < REPORTS_AT_ONCE; i++) {
		struct sending *s = &r->sendings[i];
		if (!s->domain || !s->letter || s->letter != m->number) continue;
		s->letter = 0;
		one_done(s, m->kept != 0, STR("the mail store did not take it"));
		return;
	}
}

void reports_spool(struct reports *r, struct channel *spool)
{
	r->spool = spool;
	for (size_t i = 0; i < REPORTS_AT_ONCE && !spool; i++) {
		struct sending *s = &r->sendings[i];
		if (!s->domain || !s->letter) continue;
		s->letter = 0;
		one_done(s, false, STR("the mail store went away"));
	}
}

/* --- by HTTPS ------------------------------------------------------------------------------- */

static void posted(void *arg, const struct fetched *result)
{
	struct sending *s = arg;
	bool good = result->code >= HTTP_OK && result->code < HTTP_OTHERS;
	one_done(s, good, result->why);
}

static bool post(struct sending *s, struct str uri)
{
	struct fetch what = { .url = uri, .ca = s->r->ca, .body = buf_view(&s->packed),
			      .type = STR("application/tlsrpt+gzip") };
	bool near = s->r->frame->conf->tlsrpt.private_hosts == CONF_YES_YES;
	if (!web_is_for_strangers(uri)) {
		hopeless(s, uri, STR("the address in rua names no web server that may be asked for others"));
		return false;
	}
	if (web_ask_for_stranger(s->r->web, &what, near, posted, s)) return true;
	failed(s, STR("the web server cannot be asked"));
	return false;
}

/* --- one after the other ---------------------------------------------------------------------- */

static void go_on(struct sending *s)
{
	for (; s->at < s->record.count; s->at++) {
		struct str uri = s->record.uris[s->at];
		if (s->domain->sent & 1u << s->at) continue;
		if (tlsrpt_is_mail(uri) ? mail(s, uri) : post(s, uri)) return;
	}
	end(s, !s->failed);
}

static void found(void *arg, enum dns_state state, struct str records)
{
	struct sending *s = arg;
	if (state == DNS_NO_DATA || state == DNS_NO_NAME) {
		end(s, true);
		return;
	}
	buf_reset(&s->texts);
	buf_str(&s->texts, records);
	if (state != DNS_FOUND || s->texts.overflowed) {
		failed(s, STR("the DNS cannot say where it is to go"));
		end(s, false);
	} else if (!tlsrpt_record_find(buf_view(&s->texts), &s->record)) {
		end(s, true);
	} else if (!pack(s)) {
		failed(s, STR("the report is too large, or there is no memory"));
		end(s, false);
	} else {
		go_on(s);
	}
}

static void begin(struct sending *s, struct result_domain *d)
{
	char memory[TLS_PREFIX_MAX];
	struct buf name;
	buf_init_fixed(&name, memory, sizeof memory);
	buf_str(&name, STR("_smtp._tls."));
	buf_str(&name, d->name);
	s->domain = d;
	s->at = 0;
	s->failed = false;
	s->letter = 0;
	d->busy = true;
	if (!dns_name_is_host(buf_view(&name))) {
		end(s, true); /* no such name can have a record */
	} else if (!names_ask(s->r->names, buf_view(&name), DNS_TXT, found, s)) {
		failed(s, STR("there is no resolver at present"));
		end(s, false);
	}
}

bool reports_send(struct reports *r)
{
	int64_t now_ms = loop_now_ms(r->frame->loop);
	bool all = true;
	size_t place = 0;
	for (struct result_domain *d = r->due.first; d; d = d->next) {
		all = all && d->done;
		if (d->done || d->busy || d->again_ms > now_ms) continue;
		while (place < REPORTS_AT_ONCE && r->sendings[place].domain) place++;
		if (place == REPORTS_AT_ONCE) return false;
		begin(&r->sendings[place], d);
	}
	return all;
}

void reports_send_stop(struct reports *r)
{
	for (size_t i = 0; i < REPORTS_AT_ONCE; i++) {
		struct sending *s = &r->sendings[i];
		if (!s->domain) continue;
		names_forget(r->names, s);
		web_forget(r->web, s);
		s->domain->busy = false;
		s->domain = NULL;
		s->letter = 0;
		buf_free(&s->packed);
		buf_free(&s->texts);
	}
}
