/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/queue/retry.h"

#include "lib/mail/envelope.h"

enum {
	RETRY_WITHOUT_SCHEDULE_MS = 15 * 60 * 1000,
};

int64_t retry_delay_ms(const struct conf_durations *after, uint32_t attempts, struct rng *rng)
{
	int64_t delay_ms = RETRY_WITHOUT_SCHEDULE_MS;
	if (after->count > 0) {
		size_t at = attempts > 0 ? attempts - 1 : 0;
		delay_ms = after->at[at < after->count ? at : after->count - 1];
	}
	uint64_t tenth = (uint64_t)delay_ms / 10;
	return delay_ms + (int64_t)(tenth ? rng_below(rng, tenth) : 0);
}

int64_t retry_doubt_ms(const struct conf *conf, unsigned doubts)
{
	return retry_doubled_ms(conf->retry.in_doubt_ms, doubts);
}

int64_t retry_expire_ms(const struct conf *conf, unsigned priority)
{
	const struct conf_retry_expire *expire = &conf->retry.expire;
	if (priority == MAIL_PRIORITY_URGENT) return expire->urgent_ms;
	return priority == MAIL_PRIORITY_NON_URGENT ? expire->non_urgent_ms : expire->normal_ms;
}

int64_t retry_warn_ms(const struct conf *conf, unsigned priority)
{
	const struct conf_retry_warn *warn = &conf->retry.warn;
	if (priority == MAIL_PRIORITY_URGENT) return warn->urgent_ms;
	return priority == MAIL_PRIORITY_NON_URGENT ? warn->non_urgent_ms : warn->normal_ms;
}
