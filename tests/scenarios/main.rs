//! The real binary as strangers, members and owners meet it: one file per noun, the same scenarios for every form in which
//! Madang runs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod acme;
mod audit;
mod calls;
mod channels;
mod conversations;
mod editing;
mod gateway;
mod instance;
mod keeper;
mod leaving;
mod limits;
mod new_channels;
mod nodes;
mod operation;
mod passwords;
mod people;
mod presence;
mod profiles;
mod races;
mod relations;
mod rest;
mod rights;
mod running;
mod sockets;
mod threads;
mod tls;
mod tokens;
mod trust;
mod walk;
mod wire;

/// Makes a test of every scenario in every form, and of those about a folder with data in the forms that have one. One
/// that is not listed is dead code, and does not pass the linter.
macro_rules! scenarios {
    (everywhere { $($everywhere:tt)* } of_a_folder { $($of_a_folder:tt)* }) => {
        scenarios! { @form on_sled Sled $($everywhere)* of_a_folder { $($of_a_folder)* } }
        scenarios! { @form on_redb Redb $($everywhere)* of_a_folder { $($of_a_folder)* } }
        #[cfg(feature = "mongodb")]
        scenarios! { @form on_mongodb Mongodb $($everywhere)* }
        #[cfg(all(feature = "kafka", feature = "mongodb", feature = "redis"))]
        scenarios! { @form two_nodes Cluster $($everywhere)* }
    };
    (@form $name:ident $form:ident $($noun:ident { $($scenario:tt)* })*) => {
        mod $name {
            $(scenarios! { @noun $form $noun { $($scenario)* } })*
        }
    };
    (@noun $form:ident of_a_folder { $($noun:ident { $($scenario:tt)* })* }) => {
        mod of_a_folder {
            $(scenarios! { @noun $form $noun { $($scenario)* } })*
        }
    };
    (@noun $form:ident $noun:ident { $($scenario:ident,)* }) => {
        mod $noun {
            $(#[test]
            fn $scenario() {
                use crate::support::Form;

                let form = Form::$form.of(stringify!($noun), stringify!($scenario));
                if form.is_here() {
                    crate::$noun::$scenario(form);
                }
            })*
        }
    };
}

scenarios! {
    everywhere {
        accounts {
            another_password_ends_all_other_logins,
            logins_are_listed_and_end_one_by_one_or_all,
            a_login_that_ends_while_it_is_used_is_of_no_use_after,
            accounts_are_closed_to_strangers,
            guessing_from_many_addresses_locks_nobody_out_at_home,
        }
        acme {
            a_certificate_is_got_kept_and_renewed,
        }
        instance {
            a_first_channel_is_called_as_asked,
            who_may_sign_up_is_set_while_it_runs,
            of_two_who_want_one_name_one_gets_it_and_floods_are_slowed,
            a_name_that_looks_like_another_is_taken,
            whoever_is_deactivated_is_out_at_once_and_leaves_everything,
            the_instance_has_an_administrator_whatever_they_do,
            the_place_gets_another_name_and_everybody_sees_it,
        }
        nodes {
            what_is_allowed_on_one_node_works_on_the_others_at_once,
            what_is_said_on_one_node_is_heard_on_the_others,
            guesses_are_counted_together,
        }
        new_channels {
            a_new_channel_is_as_it_was_wanted_and_the_last,
            a_private_channel_is_private_from_its_first_event_on,
            of_two_private_channels_with_one_name_one_is_made,
        }
        passwords {
            whoever_has_the_link_chooses_a_password_once,
            of_two_who_use_a_link_one_does_and_guesses_are_slowed,
        }
        tokens {
            a_token_does_what_its_scopes_say,
            a_token_is_shown_once_and_ends_when_it_is_revoked,
            a_token_runs_out_on_open_sockets_too,
            bad_tokens_are_not_made,
            a_token_ends_with_the_one_that_it_was_made_with,
        }
        profiles {
            a_new_face_is_told_to_those_who_see_it,
            what_people_say_of_themselves_has_limits,
            people_follow_each_other,
            nobody_finds_out_who_blocked_them,
        }
        relations {
            a_block_looks_like_somebody_who_has_left,
            who_is_blocked_sees_nobody_come_and_go,
            who_left_learns_nothing_new_of_those_on_the_lists,
        }
        keeper {
            accounts_are_kept_from_the_command_line,
            what_cannot_be_done_says_why,
            a_crash_between_the_steps_of_a_sign_up_loses_nobody,
        }
        leaving {
            a_guild_whose_owner_is_gone_is_handed_on,
            invites_end_with_whoever_made_them,
        }
        calls {
            mentions_and_replies_reach_the_inbox,
            many_are_called_only_by_those_who_may,
            what_was_read_can_be_unread_again,
            what_is_unread_again_stays_so_wherever_it_was_read,
            wishes_about_notifications_are_kept,
            a_deleted_mention_calls_nobody,
            a_page_is_found_by_its_date,
        }
        conversations {
            a_dm_is_one_room_and_reaches_both_without_being_opened,
            conversations_are_nobody_elses,
            people_come_into_groups_and_go,
            a_group_tells_who_comes_and_goes,
            a_group_has_limits,
            conversations_come_by_their_newest_message,
            what_is_asked_for_twice_with_one_key_is_made_once,
            who_is_blocked_reaches_nobody_in_any_way,
            nobody_is_drawn_into_conversations_without_end,
        }
        editing {
            what_a_message_said_is_for_its_author_and_moderators,
            a_moderator_says_why_a_message_goes,
        }
        gateway {
            two_people_talk,
            a_crash_loses_nothing_and_resuming_tells_what_was_missed,
            another_epoch_starts_over,
            a_nonce_is_one_message_across_crashes,
            bad_requests_have_codes_and_the_connection_lives_on,
            strangers_are_told_to_sign_in,
            broken_frames_close_with_a_code_and_disturb_nobody,
            other_sites_may_not_connect,
            signing_out_closes_open_sockets,
            stopping_tells_clients_when_to_come_back,
            rooms_that_are_not_open_send_heads,
            a_reader_that_stopped_is_closed_and_resumes_to_the_same_log,
            both_codecs_say_the_same,
        }
        people {
            whoever_is_sent_away_hears_nothing_more,
            a_ban_lasts_until_it_is_lifted,
            a_private_channel_is_there_for_its_people_only,
            roles_give_what_their_maker_has,
            a_guild_is_never_without_its_owner,
            many_guilds_live_side_by_side,
            a_deleted_channel_is_gone_and_its_name_is_free,
            slow_rooms_and_announcements_hold_members_back,
            what_can_be_set_can_be_read,
        }
        presence {
            the_last_session_that_ends_makes_offline,
            people_are_seen_as_they_chose,
            what_was_chosen_outlives_a_crash,
            what_was_chosen_can_be_read_back,
            the_last_room_outlives_a_restart,
            after_a_start_whoever_asks_is_answered_and_nobody_else_is_told,
            a_room_knows_who_looks_and_who_is_on,
            strangers_learn_nothing,
            dm_partners_hear_of_each_other_and_of_what_they_miss,
            a_crowd_that_comes_and_goes_is_no_storm,
        }
        channels {
            headings_and_channels_keep_their_order,
            a_name_is_one_channels,
            a_change_is_told_to_those_whom_it_concerns,
            who_comes_and_goes_is_told_once,
        }
        operation {
            a_log_whose_reader_left_costs_nothing,
            an_account_that_asks_too_much_is_slowed_and_others_are_not,
            the_log_tells_what_is_done_about_accounts,
        }
        rest {
            of_two_set_ups_one_wins,
            a_set_up_link_works_with_its_token_only,
            the_last_use_of_an_invite_lets_one_in,
            of_two_same_names_one_is_taken,
            every_door_is_closed_to_strangers,
            bad_bodies_have_their_codes,
            what_is_said_twice_or_too_long_is_refused_at_once,
            one_emoji_is_one_reaction,
            another_sites_page_does_nothing_with_a_cookie,
            everything_is_there_after_a_crash,
            slow_clients_are_cut_off_and_disturb_nobody,
            the_figures_tell_what_happened,
            guessing_passwords_is_slowed_and_the_owner_still_gets_in,
        }
        audit {
            the_audit_says_who_did_what_and_why,
            the_audit_is_exported_whole,
            the_audit_hides_channels_from_those_who_do_not_see_them,
            each_deed_leaves_one_entry_and_nothing_else_does,
        }
        limits {
            lists_of_a_guild_are_full_at_their_limit,
            a_group_is_full_at_twenty,
            pages_and_texts_have_their_limits,
        }
        races {
            a_guild_is_given_away_once,
            administrators_who_take_each_others_right_leave_one,
            the_last_use_of_an_invite_is_one_members,
            whoever_is_banned_while_joining_stays_out,
            what_is_deleted_while_it_is_edited_stays_deleted,
            nobody_posts_after_being_sent_away,
            a_right_that_is_taken_away_works_no_more,
        }
        rights {
            nobody_takes_an_exception_back_that_holds_them,
            a_deleted_role_is_nobodys,
            exceptions_of_whoever_is_gone_are_in_nobodys_way,
            a_ban_takes_back_only_what_its_maker_could_delete,
        }
        running {
            invites_are_listed_and_taken_back,
            moderators_delete_many_messages_at_once,
            a_ban_takes_back_what_was_written,
            a_deleted_guild_is_as_if_it_had_never_been,
            what_was_begun_ends_after_a_crash,
        }
        sockets {
            silent_connections_lock_nobody_out,
            one_address_does_not_take_all_connections,
            what_a_closed_connection_asked_for_is_dropped,
            stopping_does_not_wait_for_sockets_that_stay_open,
            broken_close_frames_are_answered_as_such,
            strangers_who_never_sign_in_shut_nobody_out,
        }
        threads {
            threads_hang_on_messages,
            an_open_thread_ends_with_its_channel,
            followers_hear_of_a_thread_wherever_they_are,
            a_thread_is_as_private_as_its_room,
            a_thread_keeps_the_rules_of_its_channel,
            pins_are_few_and_told,
            a_pin_and_a_crash_leave_a_server_that_writes,
        }
        tls {
            all_is_said_over_tls,
            a_websocket_over_tls_loses_nothing,
            a_changed_certificate_needs_no_restart,
            what_is_no_certificate_is_refused_at_the_start,
            handshakes_that_never_end_lock_nobody_out,
        }
        wire {
            requests_say_nothing_that_nobody_reads,
            what_hides_something_is_refused_everywhere,
            the_description_tells_what_is_answered,
        }
        walk {
            strangers_and_ended_sessions_are_let_in_nowhere,
            who_was_sent_away_finds_nothing,
            what_needs_a_right_is_refused_without_it,
        }
    }
    of_a_folder {
        keeper {
            the_command_line_finds_the_data_where_the_server_does,
        }
        operation {
            a_log_that_cannot_be_written_costs_nothing,
            data_is_for_its_owner_only,
            a_full_disk_is_said_once_and_from_the_start,
        }
    }
}
