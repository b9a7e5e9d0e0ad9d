"""`make acceptance`: what only live services can say, asked after the first apply, judged and written down.

    services          the clients of a person with two accounts, and where this trial may write
    cases             a small bucket of hard objects
    trial, answers    what one trial wrote and began; what a question and its answer are
    messages          publishing as a person does, and waiting for what follows
    wire              one GET, to S3 or through the edge, signed as the functions sign
    edge, copying,    the questions; `questions` has them all in order, each with why it is asked and what to change
    indexes, plan     if the answer is bad
    judge             an independent comparison of what arrived
    cleanup           takes away what was written, and nothing else
    report            the table of answers, and the file to send back

What may not enter: a question without a true answer. What cannot be asked says so, with the reason.
"""
