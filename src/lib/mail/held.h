/* SPDX-License-Identifier: Apache-2.0 */
/* What spool answers to who asks for mail that is held (messages.def: `released`, `turned`). */
#ifndef IMS_MAIL_HELD_H
#define IMS_MAIL_HELD_H

enum released { RELEASED_LOOKED_FOR, RELEASED_COUNTED, RELEASED_NOT_NOW };
enum turned { TURNED_NOTHING, TURNED_GOES, TURNED_NOT_NOW, TURNED_BUSY };

#endif
