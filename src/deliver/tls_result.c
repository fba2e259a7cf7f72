/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/tls_result.h"

#include "lib/mail/envelope.h"
#include "lib/os/socket.h"

enum { LINES_MAX = 2 * DNS_TLSA_MAX * (16 + DNS_TLSA_BYTES / DNS_TLSA_MAX) };

/* --- the policy in words ---------------------------------------------------------------- */

static void hex_write(struct buf *out, struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++) buf_hex8(out, (unsigned char)bytes.at[i]);
}

/* RFC 8460 4.2: the records as a zone file has them. */
static void tlsa_write(struct buf *out, struct str records)
{
	struct cur c = cur_of(records);
	struct dns_tlsa r;
	while (dns_tlsa_next(&c, &r)) {
		buf_fmt(out, "%u %u %u ", r.usage, r.selector, r.matching);
		hex_write(out, r.data);
		buf_byte(out, '\n');
	}
}

/* --- telling ------------------------------------------------------------------------------ */

enum transport_failure tls_result_defect(const struct tls *t)
{
	switch (tls_defect(t)) {
	case TLS_DEFECT_NAME: return TRANSPORT_CERTIFICATE_HOST_MISMATCH;
	case TLS_DEFECT_EXPIRED: return TRANSPORT_CERTIFICATE_EXPIRED;
	case TLS_DEFECT_UNTRUSTED: return TRANSPORT_CERTIFICATE_NOT_TRUSTED;
	case TLS_DEFECT_NONE:
	case TLS_DEFECT_OTHER: break;
	}
	return TRANSPORT_VALIDATION_FAILURE;
}

static struct str octets_of(const struct ip *ip)
{
	if (ip_is_none(*ip)) return STR("");
	return (struct str){ (const char *)ip->octets, sizeof ip->octets };
}

static void count(struct deliver *d, const struct tls_result *r)
{
	if (d->frame->conf->tlsrpt.send != CONF_YES_YES || !d->http || r->of_report) return;
	channel_send_tls_result(d->http, &(struct msg_tls_result){
		.domain = r->domain, .policy = (uint8_t)r->policy, .lines = r->lines, .mx = r->mx,
		.ip = octets_of(&r->ip), .own = octets_of(&r->own), .failure = (uint8_t)r->failure });
}

void tls_result(struct deliver *d, const struct tls_result *r)
{
	struct event_log *log = d->frame->log;
	count(d, r);
	/* Without a policy nobody was promised anything; the attempt's own event has it. */
	if (r->failure == TRANSPORT_GOOD || r->policy == TRANSPORT_NO_POLICY) return;
	event_begin(log, EVENT_tls_policy_fail, 0, 0);
	event_str(log, FIELD_domain, r->domain);
	event_str(log, FIELD_host, r->mx);
	event_str(log, FIELD_policy, transport_policy_word(r->policy));
	event_str(log, FIELD_reason, transport_failure_word(r->failure));
	event_end(log);
}

void tls_result_of(struct connection *c, enum transport_failure failure)
{
	const struct target *t = &c->targets[c->target];
	const struct conf_route *route = conf_route_find(c->d->frame->conf, c->job->route);
	if (c->tls_told || c->job->to.kind != JOB_TO_MX || !route ||
	    encrypt_word(c->job, route) == CONF_ROUTE_TLS_OFF)
		return;
	c->tls_told = true;
	struct buf lines;
	struct secure_plan plan;
	buf_init(&lines, LINES_MAX);
	struct tls_result r = { .domain = c->job->to.domain,
				.mx = str_of(t->name),
				.ip = t->ip,
				.failure = failure };
	encrypt_plan(c, &plan);
	r.policy = plan.policy;
	if (plan.policy == TRANSPORT_TLSA)
		tlsa_write(&lines, str_sub(buf_view(&c->dane), t->tlsa_at, t->tlsa_len));
	uint16_t port;
	if (c->fd < 0) r.ip = (struct ip){ .octets = { 0 } };
	else (void)socket_local(c->fd, &r.own, &port);
	r.of_report = c->job->mail.sender.len == 0 && c->job->tls_wish == MAIL_TLS_OPTIONAL;
	r.lines = plan.policy == TRANSPORT_STS ? buf_view(&c->sts_text) : buf_view(&lines);
	tls_result(c->d, &r);
	buf_free(&lines);
}
