/**
 * text: a line of JSON, made in a buffer and written to the serial port at once.
 *
 * One line at a time. What does not fit is cut, so that a line always ends.
 */
#ifndef WEFT_TOOLS_NFGUEST_TEXT_H
#define WEFT_TOOLS_NFGUEST_TEXT_H

#include <stdint.h>

void text_add(const char *s);
/** "key":n, with a comma before where one is due. */
void text_member(const char *key, uint64_t n);
/** "key":"value"; control characters and quotes become '?'. */
void text_string(const char *key, const char *value);
void text_mac(const char *key, const uint8_t *mac);
/** Write the line. */
void text_end(void);

#endif
