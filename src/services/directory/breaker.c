/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/breaker.h"

bool breaker_may(struct breaker *b, int64_t now_ms)
{
	if (!b->open) return true;
	if (b->probing || now_ms < b->until_ms) return false;
	b->probing = true;
	return true;
}

bool breaker_good(struct breaker *b)
{
	bool news = b->open;
	*b = (struct breaker){ 0 };
	return news;
}

bool breaker_bad(struct breaker *b, int64_t now_ms)
{
	if (b->open && !b->probing) return false;
	b->back_off_ms = b->back_off_ms ? b->back_off_ms * 2 : BREAKER_FIRST_MS;
	if (b->back_off_ms > BREAKER_MAX_MS) b->back_off_ms = BREAKER_MAX_MS;
	b->until_ms = now_ms + b->back_off_ms;
	b->open = true;
	b->probing = false;
	return true;
}
