/* SPDX-License-Identifier: Apache-2.0 */
/* TLS to other hosts: what master has read for the routes, how each host is to be spoken to
 * (lib/route/secure decides), and handshakes, which are bounded in time and in number. */
#include <assert.h>
#include <errno.h>
#include <idn2.h>
#include <string.h>
#include <unistd.h>

#include "deliver/tls_result.h"
#include "lib/ipc/scoreboard.h"
#include "lib/os/memfile.h"

enum {
	SECRETS_MAX = SMTP_CLIENT_SECRET_MAX,
	FILES_MAX = (int)TLS_TRUST_MAX + 2 * (int)TLS_PEM_MAX + SECRETS_MAX + 64,
	DOMAIN_MAX = 1024,
};

static const struct conf_route *route_of(const struct deliver *d, const struct job *job)
{
	if (job->to.kind == JOB_TO_LMTP) return NULL;
	return conf_route_find(d->frame->conf, job->route);
}

/* --- what the routes need ------------------------------------------------------------ */

bool encrypt_open(void) { return tls_prepare(); }

struct route_tls *encrypt_files_of(struct deliver *d, struct str name)
{
	for (size_t i = 0; i < d->route_count; i++)
		if (str_eq(str_of(d->routes[i].name), name)) return &d->routes[i];
	return NULL;
}

static struct route_tls *files_place(struct deliver *d, struct str route)
{
	struct route_tls *r = encrypt_files_of(d, route);
	if (r || d->route_count == DELIVER_FILES_MAX) return r;
	r = &d->routes[d->route_count++];
	*r = (struct route_tls){ .client = NULL };
	(void)str_to_cstr(route, r->name, sizeof r->name);
	return r;
}

/* `r` gets what was read. */
static struct tls_client *client_of(struct str files, enum tls_profile profile,
				    struct route_tls *r, struct buf *why)
{
	struct cur c = cur_of(files);
	struct str trust = cur_str(&c), chain = cur_str(&c), key = cur_str(&c);
	struct str secret = cur_str(&c);
	if (cur_done(&c) && secret.len <= sizeof r->secret) {
		memcpy(r->secret, secret.at, secret.len);
		r->secret_len = secret.len;
		return tls_client_new(profile, trust, chain, key, why);
	}
	buf_str(why, STR("the record is damaged"));
	return NULL;
}

/* Master has tried them; so this fails for want of memory only, and what was there stays. */
void encrypt_files(struct deliver *d, const struct msg_route_files *m, int fd)
{
	char text[256];
	struct str files;
	struct buf why;
	struct route_tls new = { .client = NULL };
	buf_init_fixed(&why, text, sizeof text);
	if (m->profile > TLS_LEGACY) {
		buf_str(&why, STR("master sent something else"));
	} else if (!memfile_map(fd, FILES_MAX, &files)) {
		buf_str(&why, STR("what master sent cannot be read"));
	} else {
		new.digest = hash_str(files, m->profile);
		new.client = client_of(files, (enum tls_profile)m->profile, &new, &why);
		memfile_unmap(files);
	}
	if (fd >= 0) (void)close(fd);
	struct route_tls *r = new.client ? files_place(d, m->name) : NULL;
	if (r) {
		tls_client_free(r->client);
		memcpy(new.name, r->name, sizeof new.name);
		*r = new;
	} else {
		tls_client_free(new.client);
		tell_files_error(d, m->name, buf_view(&why));
	}
	explicit_bzero(&new, sizeof new);
}

static void files_free(struct route_tls *r)
{
	tls_client_free(r->client);
	explicit_bzero(r, sizeof *r);
}

void encrypt_reload(struct deliver *d)
{
	for (size_t i = d->route_count; i-- > 0;) {
		if (conf_route_with_files(d->frame->conf, str_of(d->routes[i].name))) continue;
		files_free(&d->routes[i]);
		d->routes[i] = d->routes[--d->route_count];
		explicit_bzero(&d->routes[d->route_count], sizeof d->routes[0]);
	}
}

void encrypt_close(struct deliver *d)
{
	while (d->route_count > 0) files_free(&d->routes[--d->route_count]);
	for (size_t i = 0; i <= TLS_LEGACY; i++) {
		tls_client_free(d->plain[i]);
		d->plain[i] = NULL;
	}
}

/* Nothing may be sent before they are there. */
static bool needs_files(const struct conf_route *route, enum conf_route_tls word)
{
	return word == CONF_ROUTE_TLS_VERIFY || route->login.len || route->certificate.len;
}

/* NULL: no memory, or the route's files have never been good. */
static struct tls_client *client_for(struct deliver *d, const struct conf_route *route,
				     enum conf_route_tls word)
{
	char text[128];
	struct buf why;
	struct route_tls *r = encrypt_files_of(d, conf_route_files_name(route));
	if (r && (r->secret_len || !route->secret.len)) return r->client;
	if (needs_files(route, word)) return NULL;
	struct tls_client **plain = &d->plain[route->profile];
	buf_init_fixed(&why, text, sizeof text);
	if (!*plain)
		*plain = tls_client_new((enum tls_profile)route->profile, STR(""), STR(""),
					STR(""), &why);
	return *plain;
}

enum conf_route_tls encrypt_word(const struct job *job, const struct conf_route *route)
{
	const struct frame *f = job->d->frame;
	struct str domain = job->to.kind == JOB_TO_MX ? job->to.domain : STR("");
	return secure_word(f->conf, route, domain, loop_wall_ms(f->loop));
}

bool encrypt_is_demanded(const struct job *job)
{
	return job->tls_wish == MAIL_TLS_REQUIRED && job->to.kind != JOB_TO_LMTP;
}

bool encrypt_is_optional(const struct job *job) { return job->tls_wish == MAIL_TLS_OPTIONAL; }

uint64_t encrypt_policy(const struct deliver *d, const struct job *job)
{
	const struct conf_route *route = route_of(d, job);
	if (job->turned) return 0; /* there is one connection, as it is */
	uint64_t policy = hash_u64(job->tls_wish, hash_str(job->route, d->seed));
	if (!route) return policy;
	policy = hash_u64((uint64_t)encrypt_word(job, route) << 16 | (uint64_t)route->start << 8 |
				  (uint64_t)route->profile, policy);
	if (route->login.len)
		policy = hash_u64((uint64_t)route->mechanisms << 1 | route->login_cleartext,
				  hash_str(route->login, policy));
	for (size_t i = 0; i < d->route_count; i++)
		if (str_eq(str_of(d->routes[i].name), conf_route_files_name(route)))
			policy = hash_u64(d->routes[i].digest, policy);
	return policy;
}

/* --- hosts that did not get over TLS ------------------------------------------------- */

static uint64_t clear_key(const struct deliver *d, const struct target *t)
{
	return hash_u64(t->port, ip_hash(t->ip, d->seed));
}

void encrypt_note_failure(struct connection *c)
{
	struct deliver *d = c->d;
	d->clear[d->clear_at++ % DELIVER_CLEAR_MAX] = (struct clear_host){
		.key = clear_key(d, &c->targets[c->target]),
		.until_ms = loop_now_ms(d->frame->loop) + DELIVER_CLEAR_MS,
	};
}

static bool failed_lately(const struct deliver *d, const struct target *t)
{
	uint64_t key = clear_key(d, t);
	int64_t now_ms = loop_now_ms(d->frame->loop);
	for (size_t i = 0; i < DELIVER_CLEAR_MAX; i++)
		if (d->clear[i].key == key && d->clear[i].until_ms > now_ms) return true;
	return false;
}

/* --- the plan ------------------------------------------------------------------------ */

static struct str dane_text(const struct connection *c, uint32_t at, uint32_t len)
{
	return str_sub(buf_view(&c->dane), at, len);
}

void encrypt_plan(const struct connection *c, struct secure_plan *plan)
{
	const struct target *t = &c->targets[c->target];
	const struct conf_route *route = route_of(c->d, c->job);
	struct secure_facts facts = { .tls = CONF_ROUTE_TLS_OFF };
	if (route)
		facts = (struct secure_facts){
			.tls = encrypt_word(c->job, route),
			.must = route->login.len && route->login_cleartext == CONF_YES_NO,
			.start = route->start,
			.port = t->port,
			.host = str_of(t->name),
			.mx_secure = t->secure,
			.dane = t->dane,
			.base = dane_text(c, t->base_at, t->base_len),
			.sts = sts_of(c),
			.sts_has = t->sts_has,
			.optional = encrypt_is_optional(c->job),
			.demanded = encrypt_is_demanded(c->job),
			.failed = c->job->attempt.clear || failed_lately(c->d, t),
		};
	if (c->job->to.kind == JOB_TO_MX) facts.domain = c->job->to.domain;
	else facts.domain = rotation_domain(c);
	secure_plan_make(&facts, plan);
}

static void skip_write(const struct connection *c, enum secure_skip skip, struct buf *words)
{
	struct str host = str_of(c->targets[c->target].name);
	if (skip == SECURE_SKIP_STS) {
		buf_str(words, STR("the policy of "));
		buf_str(words, c->job->to.domain);
		buf_str(words, STR(" (MTA-STS) does not list "));
		buf_str(words, host);
		buf_str(words, STR(", which the DNS names as its host: it is not used now"));
		return;
	}
	buf_str(words, STR("the DNS cannot say for sure how "));
	buf_str(words, host);
	buf_str(words, STR(" has to show who it is (TLSA records, DNSSEC): it is not used now"));
}

static bool refuse(struct smtp_outcome *cause, const char *enhanced, struct str text)
{
	*cause = (struct smtp_outcome){ .state = SMTP_RCPT_TEMPORARY,
					.step = SMTP_STEP_TLS,
					.text = text };
	(void)str_to_cstr(str_of(enhanced), cause->enhanced, sizeof cause->enhanced);
	return false;
}

static bool token_is_there(struct connection *c, const struct conf_route *route,
			   struct smtp_outcome *cause)
{
	struct str token, why;
	struct buf words;
	if (token_of(c->d, route->oauth, &token, &why) == TOKEN_GOOD) return true;
	buf_init_fixed(&words, c->why, sizeof c->why);
	buf_str(&words, STR("there is no token to log in with (oauth "));
	buf_str(&words, route->oauth);
	buf_str(&words, STR("): "));
	buf_str(&words, why);
	return refuse(cause, "4.7.0", buf_view(&words));
}

bool encrypt_allows(struct connection *c, struct smtp_outcome *cause, bool *ours)
{
	struct deliver *d = c->d;
	struct secure_plan plan;
	const struct conf_route *route = route_of(d, c->job);
	*ours = true;
	/* The configuration has changed since spool sent the job: it may lead elsewhere. */
	if (!route && c->job->to.kind != JOB_TO_LMTP)
		return refuse(cause, "4.3.5", STR("the route is no longer there"));
	if (!route) return true;
	encrypt_plan(c, &plan);
	if ((plan.tls != SMTP_CL_TLS_OFF || route->login.len) && !client_for(d, route, encrypt_word(c->job, route)))
		return refuse(cause, "4.3.5", STR("the route's certificates or its secret cannot "
						  "be used; the log says why"));
	if (route->oauth.len && !token_is_there(c, route, cause)) return false;
	*ours = false;
	if (!plan.skip) return true;
	tls_result_of(c, plan.skip == SECURE_SKIP_STS ? TRANSPORT_VALIDATION_FAILURE
						      : TRANSPORT_DNSSEC_INVALID);
	struct buf words;
	buf_init_fixed(&words, c->why, sizeof c->why);
	skip_write(c, plan.skip, &words);
	if (plan.skip == SECURE_SKIP_STS && encrypt_is_demanded(c->job)) {
		(void)refuse(cause, "5.7.10", buf_view(&words));
		cause->state = SMTP_RCPT_PERMANENT;
		return false;
	}
	return refuse(cause, "4.7.5", buf_view(&words));
}

/* --- the handshake ------------------------------------------------------------------- */

/* Certificates have the ASCII form of a domain. */
static struct str domain_ascii(struct str name, char memory[DOMAIN_MAX])
{
	uint8_t *ascii = NULL;
	struct buf out;
	buf_init_fixed(&out, memory, DOMAIN_MAX);
	if (str_find(name, '\0') < 0 && str_to_cstr(name, memory, DOMAIN_MAX) &&
	    idn2_lookup_u8((const uint8_t *)memory, &ascii,
			   IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK)
		buf_str(&out, str_of((const char *)ascii));
	else
		buf_str(&out, name);
	idn2_free(ascii);
	return buf_view(&out);
}

static bool is_fit_name(struct str name)
{
	struct ip ip;
	return dns_name_is_host(name) || ip_parse(name, &ip);
}

static void peer_fill(const struct connection *c, const struct secure_plan *plan,
		      struct tls_peer *peer, char memory[DOMAIN_MAX])
{
	static const enum tls_check checks[] = { [SECURE_UNCHECKED] = TLS_CHECK_NONE,
						 [SECURE_BY_NAME] = TLS_CHECK_NAMES,
						 [SECURE_BY_DANE] = TLS_CHECK_DANE };
	const struct target *t = &c->targets[c->target];
	struct cur records = cur_of(dane_text(c, t->tlsa_at, t->tlsa_len));
	struct dns_tlsa r;
	*peer = (struct tls_peer){ .check = checks[plan->check], .lenient = plan->lenient };
	if (is_fit_name(plan->sni)) peer->sni = plan->sni;
	for (size_t i = 0; i < plan->name_count; i++) {
		struct str name = plan->names[i];
		if (str_eq(name, c->job->to.domain)) name = domain_ascii(name, memory);
		/* What is no name of a host is none of a certificate: a literal, say. */
		if (is_fit_name(name)) peer->names[peer->name_count++] = name;
	}
	if (plan->check != SECURE_BY_DANE) return;
	while (peer->tlsa_count < TLS_TLSA_MAX && dns_tlsa_next(&records, &r))
		peer->tlsa[peer->tlsa_count++] =
			(struct tls_tlsa){ r.usage, r.selector, r.matching, r.data };
}

/* "TLS with mx.example failed: hostname mismatch (it was to be mx.example)" */
static void fail(struct connection *c, const char *fault)
{
	char text[SMTP_REPLY_TEXT_MAX];
	struct buf words;
	struct secure_plan plan;
	encrypt_plan(c, &plan);
	buf_init_fixed(&words, text, sizeof text);
	buf_str(&words, STR("TLS with "));
	buf_str(&words, str_of(c->targets[c->target].name));
	buf_str(&words, STR(" failed: "));
	buf_str(&words, str_of(fault));
	for (size_t i = 0; plan.check == SECURE_BY_NAME && i < plan.name_count; i++) {
		buf_str(&words, i ? STR(" or ") : STR("; its certificate was to name "));
		buf_str(&words, plan.names[i]);
	}
	if (plan.policy == TRANSPORT_STS) {
		buf_str(&words, STR(", as the policy of "));
		buf_str(&words, c->job->to.domain);
		buf_str(&words, STR(" (MTA-STS) demands"));
	}
	c->lacking = c->tls && tls_defect(c->tls) != TLS_DEFECT_NONE;
	smtp_client_insecure(&c->smtp, "4.7.5", buf_view(&words));
	c->state = CONNECTION_OPEN;
}

/* One handshake less: who waits has its turn when this one's is over. */
static void place_free(struct connection *c)
{
	struct deliver *d = c->d;
	link_remove(&c->unshaken);
	if (!c->shaking) return;
	c->shaking = false;
	d->handshakes--;
	struct link *next = list_take(&d->unshaken);
	if (!next) return;
	struct connection *other = CONTAINER(next, struct connection, unshaken);
	other->shaking = true;
	d->handshakes++;
	/* It speaks first, so its socket is ready. */
	loop_io_want(other->io, LOOP_WRITE);
}

void encrypt_end(struct connection *c)
{
	place_free(c);
	if (!c->tls) return;
	tls_goodbye(c->tls);
	tls_free(c->tls);
	c->tls = NULL;
}

static struct tls *tls_make(struct connection *c)
{
	static struct tls_peer peer; /* used by one call at a time */
	char memory[DOMAIN_MAX];
	struct secure_plan plan;
	const struct conf_route *route = route_of(c->d, c->job);
	struct tls_client *client =
		route ? client_for(c->d, route, encrypt_word(c->job, route)) : NULL;
	if (!client) return NULL;
	encrypt_plan(c, &plan);
	peer_fill(c, &plan, &peer, memory);
	if (peer.check != TLS_CHECK_NONE && peer.name_count == 0) return NULL;
	return tls_connect(client, c->fd, &peer);
}

bool encrypt_begin(struct connection *c)
{
	struct deliver *d = c->d;
	assert(!c->tls && c->job && c->out.len == 0);
	c->tls = tls_make(c);
	if (!c->tls) {
		fail(c, "no memory, or no name to look for");
		return false;
	}
	c->state = CONNECTION_SECURING;
	loop_timer_set(c->timer, d->frame->conf->timeout.tls_ms);
	c->shaking = d->handshakes < DELIVER_HANDSHAKES_MAX;
	if (c->shaking) d->handshakes++;
	else list_add_tail(&d->unshaken, &c->unshaken);
	loop_io_want(c->io, c->shaking ? LOOP_WRITE : 0);
	return true;
}

/* What events tell of it. */
static void describe(struct connection *c)
{
	static const enum secure_check checks[] = { [TLS_CHECK_NONE] = SECURE_UNCHECKED,
						    [TLS_CHECK_NAMES] = SECURE_BY_NAME,
						    [TLS_CHECK_DANE] = SECURE_BY_DANE };
	struct target *t = &c->targets[c->target];
	struct buf out;
	buf_init_fixed(&out, t->tls, sizeof t->tls - 1);
	tls_describe(c->tls, &out);
	buf_byte(&out, ' ');
	buf_str(&out, secure_check_word(checks[tls_checked(c->tls)]));
	t->tls[out.len] = '\0';
}

/* What a handshake that went well leaves to be said. */
static enum transport_failure verdict_of(const struct connection *c)
{
	struct secure_plan plan;
	encrypt_plan(c, &plan);
	if (plan.policy == TRANSPORT_STS && !c->targets[c->target].sts_has)
		return TRANSPORT_VALIDATION_FAILURE;
	return tls_defect(c->tls) == TLS_DEFECT_NONE ? TRANSPORT_GOOD : tls_result_defect(c->tls);
}

void encrypt_step(struct connection *c)
{
	unsigned char binding[TLS_BINDING];
	if (!c->shaking) return;
	int rc = tls_handshake(c->tls);
	if (rc == -EAGAIN) {
		loop_io_want(c->io, tls_wants(c->tls));
		return;
	}
	place_free(c);
	c->state = CONNECTION_OPEN;
	c->moved = true; /* so that the timer is set */
	if (rc == 0) {
		describe(c);
		tls_result_of(c, verdict_of(c));
		smtp_client_secured(&c->smtp, tls_binding(c->tls, binding));
	} else {
		tls_result_of(c, tls_result_defect(c->tls));
		fail(c, tls_fault(c->tls));
	}
	connection_run(c, STR(""));
}
