//! The conformance suite: one named test for each promise of the [`Backend`](crate::Backend) contract, for every store.
//!
//! A case is a function over a [`Fixture`]: a store in new data of its own. [`store_conformance!`](crate::store_conformance)
//! makes a `#[tokio::test]` of every case for one kind of store, which has to implement [`Home`]:
//!
//! ```ignore
//! mod sled {
//!     madang_storage::store_conformance!(crate::embedded_home(EngineKind::Sled));
//! }
//! ```
//!
//! # Invariants
//! - No case knows which store it runs on, sleeps, or rests on what a store does not promise.
//! - After every case [`Fixture::verify`] opens the data again and holds it against a [`fold::Fold`] of all commits.
//! - A case keeps no handle of the store over [`Fixture::reopen`].

// This is code of tests that other crates' tests share: a failed expectation is a failed test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod append;
pub mod audit;
pub mod changes;
pub mod decisions;
pub mod earlier;
pub mod events;
mod fixture;
pub mod fold;
pub mod guilds;
pub mod history;
pub mod lifecycle;
pub mod markers;
pub mod messages;
pub mod nodes;
pub mod nonces;
pub mod places;
pub mod reference;
pub mod rows;
pub mod sink;
pub mod state;
pub mod support;
pub mod sweep;

pub use fixture::{Fixture, Home, ManualClock, NumberedIds, RecordingSink};

/// Makes a test of every case for the store whose [`Home`] the expression makes.
///
/// The second argument goes to `#[tokio::test]`, for a store that needs another runtime than the usual one.
#[macro_export]
macro_rules! store_conformance {
    (@each $home:expr, $runtime:tt, $($topic:ident { $($case:ident,)* })*) => {
        $($(
            #[tokio::test $runtime]
            async fn $case() {
                let mut fixture = $crate::conformance::Fixture::open($home).await;
                $crate::conformance::$topic::$case(&mut fixture).await;
                fixture.verify().await;
            }
        )*)*
    };
    (shared $home:expr) => {
        $crate::store_conformance! { @each $home, (flavor = "multi_thread", worker_threads = 2),
            nodes {
                nodes_that_beat_are_listed,
                node_that_leaves_is_gone_at_once,
                node_that_is_silent_is_gone_after_a_while,
                node_with_the_id_of_another_is_noticed,
                node_may_follow_one_that_is_gone,
            }
        }
    };
    ($home:expr) => {
        $crate::store_conformance! { $home, (flavor = "multi_thread", worker_threads = 2) }
    };
    ($home:expr, $runtime:tt) => {
        $crate::store_conformance! { @each $home, $runtime,
            append {
                append_assigns_dense_revs,
                append_numbers_messages_densely,
                append_numbers_each_stream_by_itself,
                append_answers_the_event_as_it_is_stored,
                append_starts_every_kind_of_stream,
                append_time_never_runs_backwards,
                append_refuses_facts_of_another_kind_of_stream,
                append_refuses_a_second_first_fact,
                append_refuses_other_facts_on_an_empty_stream,
                append_refuses_changes_of_a_missing_message,
                append_of_an_invalid_fact_harms_nobody_else,
                append_outlives_its_caller,
                append_goes_on_after_reopening,
            }
            decisions {
                decision_sees_rows_at_exactly_the_head,
                decision_sees_the_rows_that_it_names,
                decision_need_not_name_what_its_fact_changes,
                decision_refusal_answers_its_reason_and_writes_nothing,
                decision_never_edits_behind_a_deletion,
                decision_lets_one_of_many_win,
                decision_names_at_most_16_rows,
                decision_names_rows_of_its_stream_only,
            }
            nonces {
                nonce_retry_answers_the_same_message,
                nonce_retry_decides_nothing,
                nonce_retry_shows_the_present_message,
                nonce_retry_does_not_bring_back_a_deleted_message,
                nonce_retry_works_after_reopening,
                nonce_retries_at_once_append_one_message,
                nonce_with_other_content_is_a_conflict,
                nonce_with_other_content_at_once_is_a_conflict,
                nonce_of_another_actor_is_another_nonce,
                nonce_in_another_stream_is_another_nonce,
                nonce_makes_a_room_once,
                nonce_outside_its_time_is_refused,
                nonce_is_remembered_until_it_expires,
                nonce_of_what_did_not_happen_stays_free,
            }
            places {
                rows_follow_what_happens_in_a_guild,
                rows_follow_what_happens_to_a_room,
                rows_follow_what_people_want,
                inboxes_hold_what_calls_by_name,
                pins_and_threads_are_told_by_their_messages,
            }
            guilds {
                open_guilds_are_found,
            }
            earlier {
                earlier_texts_stay_until_the_message_goes,
                earlier_texts_go_with_an_edit_that_keeps_none,
            }
            audit {
                sealed_events_are_found_by_their_guild,
                sealed_details_may_have_any_names,
            }
            sink {
                sink_is_told_before_the_answer,
                sink_is_told_once_and_in_order,
                sink_gets_the_message_right_after_its_event,
                sink_is_told_of_what_can_be_read,
                sink_is_not_told_again_after_reopening,
            }
            events {
                events_page_through_a_stream,
                events_of_all_kinds_page_from_everywhere,
                events_behind_the_head_are_none,
                events_of_neighbours_stay_apart,
                events_page_has_a_limit,
                events_replay_shows_the_present_message,
                events_hold_no_replaced_text,
                events_are_the_same_after_reopening,
                events_of_changed_messages_are_as_they_were,
                events_page_is_whole_under_concurrent_appends,
                heads_come_in_the_order_asked,
            }
            history {
                history_pages_from_every_anchor,
                history_shows_tombstones,
                history_of_an_unknown_room_is_empty,
                history_page_has_a_limit,
                history_gives_full_pages,
                history_of_neighbours_stays_apart,
                history_is_stable_under_concurrent_appends,
                history_head_is_from_before_the_page,
            }
            messages {
                message_is_there_with_its_answer,
                message_rev_is_its_last_change,
                message_edit_replaces_the_text_only,
                reaction_counts_once_per_person_and_emoji,
                reaction_counts_everybody_at_once,
                reaction_lists_keep_emoji_apart,
                deletion_leaves_a_tombstone,
                deletion_moves_the_head_and_lowers_nothing,
                long_message_is_kept_whole,
                long_message_may_shrink_and_grow,
                long_message_may_have_many_reactions,
                long_messages_at_once_do_not_mix,
                long_values_are_kept_everywhere,
            }
            rows {
                rows_come_in_the_order_asked,
                rows_have_a_limit,
                list_rows_of_members_and_their_guilds,
                list_rows_of_channels,
                list_rows_of_reactions,
                list_rows_goes_on_behind_a_missing_row,
                list_rows_has_a_limit,
            }
            state {
                state_versions_count_changes,
                state_conflict_answers_the_present_row,
                state_insert_has_one_winner,
                state_replace_has_one_winner,
                state_delete_races_with_changes,
                state_survives_reopening,
                state_keys_and_values_have_limits,
                state_value_may_shrink_and_grow,
                state_expired_row_is_there_until_swept,
                state_tables_stay_apart,
                state_list_pages_in_byte_order,
                state_list_answers_whole_rows,
                state_list_has_a_limit,
            }
            sweep {
                sweep_removes_exactly_what_expired,
                sweep_counts_what_it_removed,
                sweep_goes_by_the_present_expiry,
                sweep_makes_room_for_new_rows,
                sweep_spares_what_is_put_off_meanwhile,
            }
            changes {
                changes_from_the_start_tell_everything,
                changes_page_to_their_end,
                changes_from_a_cursor_tell_what_came_after,
                changes_from_a_late_cursor_tell_what_is_new,
                changes_tell_state_tables,
                changes_tell_nothing_of_what_did_not_happen,
                changes_skip_nothing_under_concurrent_writers,
                changes_go_on_after_reopening,
                changes_from_a_cursor_too_old_tell_everything,
                changes_wait_for_the_slowest_consumer,
                consumers_are_remembered,
            }
            markers {
                marker_moves_along_with_a_post,
                marker_stays_for_what_is_no_post,
                marker_never_moves_back_by_a_post,
                marker_may_be_set_back_by_its_owner,
                marker_write_conflicts_with_a_post_in_between,
                marker_keeps_up_with_posts_and_writes_at_once,
                marker_rows_list_by_user,
            }
            nodes {
                node_that_beats_is_listed,
            }
            lifecycle {
                new_data_is_empty_and_ready,
                everything_survives_reopening,
                closed_store_is_unavailable,
                closed_store_may_be_closed_again,
                closing_loses_no_answered_append,
            }
        }
    };
}
