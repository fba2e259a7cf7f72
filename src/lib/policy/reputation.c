/* SPDX-License-Identifier: Apache-2.0 */
/* Points of a stranger. Each finding has a weight in the configuration; what is heaviest
 * gives the reply its text and its rule. */
#include "lib/policy/facts.h"

static void count(struct reputation *r, int64_t points, const char *dsn, struct str text,
                  const struct conf_origin *rule)
{
	if (points == 0) return;
	r->found++;
	if (points == CONF_SCORE_REJECT) r->decisive = true;
	else r->score += points;
	if (points <= r->heaviest) return;
	r->heaviest = points;
	r->dsn = dsn;
	r->text = text;
	r->rule = rule;
}

static void count_name(struct reputation *r, const struct facts *f)
{
	const struct conf_check_client *c = &f->conf->check.client;
	/* RFC 7372 3.3 */
	if (f->name == CLIENT_NAME_MISSING)
		count(r, c->missing, "7.25",
			STR("Your address has no name in the DNS; have a PTR record made"),
			&c->missing_from);
	else if (f->name == CLIENT_NAME_UNVERIFIED)
		count(r, c->unverified, "7.25",
			STR("The name of your address does not lead back to it; mend its records"),
			&c->unverified_from);
}

static void count_helo(struct reputation *r, const struct facts *f)
{
	const struct conf_check_helo *c = &f->conf->check.helo;
	switch (policy_helo(f)) {
	case CLIENT_HELO_GOOD: break;
	case CLIENT_HELO_INVALID:
		count(r, c->invalid, "7.1",
			STR("What you said in EHLO is no name of a host; say your own"),
			&c->invalid_from);
		break;
	case CLIENT_HELO_LITERAL:
		count(r, c->literal, "7.1",
			STR("The address that you said in EHLO is not yours; say your own"),
			&c->literal_from);
		break;
	case CLIENT_HELO_OWN:
		count(r, c->own, "7.1",
			STR("The name that you said in EHLO is one of this server; say your own"),
			&c->own_from);
		break;
	case CLIENT_HELO_NAME:
		if (f->helo_resolves == ANSWER_NO)
			count(r, c->unresolved, "7.1",
				STR("The name that you said in EHLO does not lead to your address"),
				&c->unresolved_from);
		break;
	}
}

void policy_reputation_count(const struct facts *f, struct reputation *r)
{
	*r = (struct reputation){ .dsn = "7.1" };
	if (!policy_is_stranger(f)) return;
	if (f->early)
		count(r, f->conf->check.early_talker, "7.1",
			STR("You spoke before it was your turn; wait for the greeting"),
			&f->conf->check.early_talker_from);
	count_name(r, f);
	count_helo(r, f);
	for (size_t i = 0; i < f->conf->dnsbl_count; i++) {
		const struct conf_dnsbl *list = &f->conf->dnsbls[i];
		if (f->listed >> i & 1) count(r, list->score, "7.1", list->refusal, &list->origin);
	}
}

/* With 4 or 5 in front. */
static const char *dsn_of(const struct reputation *r, bool rejects)
{
	bool name = r->dsn[2] == '2';
	if (name) return rejects ? "5.7.25" : "4.7.25";
	return rejects ? "5.7.1" : "4.7.1";
}

static bool needs(const struct facts *f)
{
	const struct conf_check *check = &f->conf->check;
	unsigned asks = policy_asks(f);
	if (!check->client.missing && !check->client.unverified) asks &= ~(unsigned)CLIENT_ASK_NAME;
	return asks != 0;
}

/* RFC 5321 4.5.1 */
bool policy_is_for_postmaster(const struct conf *conf, struct str local, struct str domain)
{
	if (!policy_is_postmaster(local)) return false;
	return domain.len == 0 || str_eq_nocase(domain, conf->hostname) || conf_domain_find(conf, domain);
}

struct verdict policy_reputation(const struct facts *f)
{
	struct reputation r;
	if (!policy_is_stranger(f) || policy_is_for_postmaster(f->conf, f->local, f->domain))
		return verdict_accept();
	if (needs(f)) return verdict_need(FACT_CLIENT);
	policy_reputation_count(f, &r);
	int64_t defer = f->conf->check.defer_score;
	if (r.decisive || r.score >= f->conf->check.reject_score)
		return verdict_rule(550, dsn_of(&r, true), r.text, r.rule);
	if (defer > 0 && r.score >= defer)
		return verdict_rule(451, dsn_of(&r, false), r.text, r.rule);
	return verdict_accept();
}

void policy_lists_write(const struct facts *f, struct buf *out)
{
	for (size_t i = 0; i < f->conf->dnsbl_count; i++) {
		if (!(f->listed >> i & 1)) continue;
		if (out->len) buf_byte(out, ' ');
		buf_str(out, f->conf->dnsbls[i].name);
	}
}

/* --- before the greeting ---------------------------------------------------------------- */

bool policy_waits_for_greeting(const struct facts *f)
{
	return f->listener->pregreet_ms > 0 && f->listener->tls != CONF_LISTENER_TLS_IMPLICIT &&
	       policy_is_stranger(f);
}

bool policy_is_welcome(const struct facts *f)
{
	struct reputation r;
	policy_reputation_count(f, &r);
	return r.score < 0 && !r.decisive;
}

struct verdict policy_early(const struct facts *f)
{
	if (!policy_is_stranger(f) || f->conf->check.early_talker != CONF_SCORE_REJECT)
		return verdict_accept();
	return verdict_rule(554, "5.5.1",
		STR("You spoke before it was your turn; wait for the greeting"),
		&f->conf->check.early_talker_from);
}
