//! Conversations through the pure core: no socket, no sleeping, the clock moved by hand.

mod script;

mod stories {
    mod acquaintance;
    mod chance;
    mod channel;
    mod components;
    mod conference_http;
    mod entry;
    mod hall;
    mod keep_alive;
    mod leaving;
    mod lobby;
    mod meeting;
    mod moderation;
    mod outcomes;
    mod recorded;
    mod recovery;
    mod resumption;
    mod session;
    mod side_rooms;
    mod talk;
}
