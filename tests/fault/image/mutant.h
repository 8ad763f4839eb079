/* What a mutant is asked for: the words of the guest's string, or what stands for them. */
#ifndef ENGRAM_TESTS_MUTANT_H
#define ENGRAM_TESTS_MUTANT_H

const char *mutant_words(void);

#endif
