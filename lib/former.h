/**
 * former: words that were renamed.
 *
 * A setting or a value that got another name is understood under its former one for one release, so
 * that lab files, scripts and saved configurations keep working meanwhile: whoever looks a word up
 * in a table and does not find it looks for its successor. A former word is never printed, and none
 * is a word of today's. Pure; threads: any.
 */
#ifndef WEFT_LIB_FORMER_H
#define WEFT_LIB_FORMER_H

/** What the word, typed with dashes or underscores, is called now; NULL: it was not renamed. */
const char *former_word(const char *word);

#endif
