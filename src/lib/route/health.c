/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/route/health.h"

const struct health_host *health_find(const struct health *h, uint64_t key)
{
	for (size_t i = 0; key && i < HEALTH_HOSTS_MAX; i++)
		if (h->hosts[i].key == key) return &h->hosts[i];
	return NULL;
}

static struct health_host *find(struct health *h, uint64_t key)
{
	for (size_t i = 0; key && i < HEALTH_HOSTS_MAX; i++)
		if (h->hosts[i].key == key) return &h->hosts[i];
	return NULL;
}

/* A free place, or that of the one heard of longest ago. */
static struct health_host *place(struct health *h)
{
	struct health_host *oldest = &h->hosts[0];
	for (size_t i = 0; i < HEALTH_HOSTS_MAX && oldest->key; i++)
		if (!h->hosts[i].key || h->hosts[i].heard_ms < oldest->heard_ms)
			oldest = &h->hosts[i];
	return oldest;
}

static bool is_down(const struct health_host *host)
{
	return host && host->failures >= HEALTH_FAILURES_MAX;
}

enum health_state health_ask(const struct health *h, uint64_t key, int64_t now_ms)
{
	const struct health_host *host = health_find(h, key);
	if (!is_down(host)) return HEALTH_UP;
	return host->until_ms > now_ms ? HEALTH_DOWN : HEALTH_DUE;
}

void health_probe(struct health *h, uint64_t key, int64_t probe_ms, int64_t now_ms)
{
	struct health_host *host = find(h, key);
	if (!is_down(host)) return;
	host->probing = true;
	host->until_ms = now_ms + probe_ms;
}

static int64_t down_ms(uint32_t failures, int64_t probe_ms)
{
	int64_t ms = probe_ms;
	uint32_t times = failures - HEALTH_FAILURES_MAX;
	while (times-- > 0 && ms < HEALTH_DOWN_MAX_MS) ms *= 2;
	if (ms > HEALTH_DOWN_MAX_MS) ms = HEALTH_DOWN_MAX_MS;
	return ms > probe_ms ? ms : probe_ms;
}

static enum health_change failed(struct health_host *host, int64_t probe_ms, int64_t now_ms)
{
	host->heard_ms = now_ms;
	/* Jobs that were under way together are one failure of the host. */
	if (is_down(host) && host->until_ms > now_ms && !host->probing) return HEALTH_SAME;
	if (host->failures < UINT32_MAX) host->failures++;
	host->probing = false;
	if (!is_down(host)) return HEALTH_SAME;
	host->until_ms = now_ms + down_ms(host->failures, probe_ms);
	return HEALTH_WENT_DOWN;
}

enum health_change health_heard(struct health *h, uint64_t key, bool good, int64_t probe_ms,
				int64_t now_ms)
{
	struct health_host *host = find(h, key);
	if (!good && !host) {
		host = place(h);
		*host = (struct health_host){ .key = key };
	}
	if (!good) return key ? failed(host, probe_ms, now_ms) : HEALTH_SAME;
	if (!host) return HEALTH_SAME;
	bool down = is_down(host);
	*host = (struct health_host){ .key = 0 };
	return down ? HEALTH_CAME_UP : HEALTH_SAME;
}
