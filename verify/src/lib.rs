//! What shows that Myriad is right.
