/* SPDX-License-Identifier: Apache-2.0 */
/* check.c for exceptions of domains: `tls-policy`. */
#include "lib/base/map.h"
#include "lib/base/units.h"
#include "lib/conf/parser.h"

#define AT CONF_REPORT_AT

enum { DAY_MS = 24 * 60 * 60 * 1000, NAMES_MAX = 1024 * 128 };

bool conf_tls_policy_is_over(const struct conf_tls_policy *policy, int64_t now_ms)
{
	return policy->until_ms && now_ms >= policy->until_ms + DAY_MS;
}

static bool is_at_or_below(struct str domain, struct str name)
{
	if (str_eq_nocase(domain, name)) return true;
	return domain.len > name.len && str_ends_nocase(domain, name) &&
	       domain.at[domain.len - name.len - 1] == '.';
}

const struct conf_tls_policy *conf_tls_policy_find(const struct conf *conf, struct str domain,
						   int64_t now_ms)
{
	const struct conf_tls_policy *best = NULL;
	size_t longest = 0;
	for (size_t i = 0; i < conf->tls_policy_count; i++) {
		const struct conf_tls_policy *policy = &conf->tls_policies[i];
		if (conf_tls_policy_is_over(policy, now_ms)) continue;
		for (size_t n = 0; n < policy->name_count; n++) {
			struct str name = policy->names[n];
			if (name.len <= longest || !is_at_or_below(domain, name)) continue;
			best = policy;
			longest = name.len;
		}
	}
	return best;
}

static void check_names(struct conf_parser *p, struct map *seen,
			const struct conf_tls_policy *policy)
{
	struct conf_quote quote, where;
	for (size_t n = 0; n < policy->name_count; n++) {
		struct str name = policy->names[n];
		uint64_t hash = hash_str_nocase(name, 0);
		const struct conf_tls_policy *first = map_get(seen, hash);
		if (first)
			AT(p, CONF_ERROR, &policy->origin, name,
			   "%s has a tls-policy already, at %s", conf_quote(&quote, name),
			   conf_where(&where, &first->origin));
		else if (!map_put(seen, hash, (void *)(uintptr_t)policy))
			p->no_memory = true;
		const struct conf_domain *local = conf_domain_find(p->conf, name);
		if (local)
			AT(p, CONF_WARNING, &policy->origin, name,
			   "%s is a local domain at %s: its mail does not leave by the DNS",
			   conf_quote(&quote, name), conf_where(&where, &local->origin));
	}
}

void conf_check_tls_policies(struct conf_parser *p)
{
	const struct conf *conf = p->conf;
	struct map seen;
	map_init(&seen, NAMES_MAX, 0);
	for (size_t i = 0; i < conf->tls_policy_count; i++)
		check_names(p, &seen, &conf->tls_policies[i]);
	map_free(&seen);
}
