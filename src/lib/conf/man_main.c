/* SPDX-License-Identifier: Apache-2.0 */
/* conf-man > docs/man/ims.conf.5 */
#include <stdio.h>

#include "lib/conf/man.h"

enum { PAGE_MAX = 1024 * 1024 };

int main(void)
{
	struct buf page;
	buf_init(&page, PAGE_MAX);
	conf_man(&page);
	bool good = !page.overflowed && fwrite(page.at, 1, page.len, stdout) == page.len;
	buf_free(&page);
	return good && fflush(stdout) == 0 ? 0 : 70;
}
