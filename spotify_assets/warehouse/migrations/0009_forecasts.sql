-- Forecasts, and beside each what its rule would have been off by on earlier days. Written by Python downstream of the
-- marts, a day whole; never read by dbt, so that nothing goes in a circle.

create schema forecasts;

create table forecasts.forecasts (
    entity text not null check (entity in ('artist', 'song')),
    forecast_on date not null,
    source text not null,
    metric text not null,
    entity_id text not null,
    horizon_days smallint not null,
    target_date date not null,
    artist_id text,
    track_ids text [],
    last_observed_on date not null,
    last_value double precision not null,
    method text not null,
    value double precision not null,
    low_80 double precision,
    high_80 double precision,
    is_shown boolean not null,
    reason_not_shown text,
    formula_version integer not null,
    -- a day is replaced whole, by entity
    primary key (entity, forecast_on, source, metric, entity_id, horizon_days),
    check (target_date = forecast_on + horizon_days),
    check (low_80 <= value and value <= high_80),
    check (is_shown = (reason_not_shown is null))
);
-- one series over the days on which it was forecast
create index on forecasts.forecasts (source, entity_id, metric, forecast_on);

comment on table forecasts.forecasts is
'Forecast of one series, made on forecast_on for horizon_days later, from what counted by then. Grain: one row per entity, forecast_on, source, metric, entity_id and horizon_days. SIMULATED sources are invented.';
comment on column forecasts.forecasts.entity_id is 'The artist_id of an artist, the song_id of a song.';
comment on column forecasts.forecasts.artist_id is 'The artist, or the first artist of the song.';
comment on column forecasts.forecasts.track_ids is 'Track ids of the song as last seen; null for an artist.';
comment on column forecasts.forecasts.last_value is 'The last value that counted: what a forecast has to beat is that it stays.';
comment on column forecasts.forecasts.method is
'What the value was computed by: last_value where nothing beat it in the backtest.';
comment on column forecasts.forecasts.low_80 is
'Lower end of the interval that holds the outcome four times in five; null if too few errors are known for one.';
comment on column forecasts.forecasts.high_80 is 'Upper end of that interval.';
comment on column forecasts.forecasts.is_shown is
'Whether the method beat the last value in the backtest and says something else: only then it is worth reading.';
comment on column forecasts.forecasts.reason_not_shown is
'backtest_too_short, does_not_beat_last_value or same_as_last_value; null where is_shown.';

create table forecasts.backtests (
    entity text not null check (entity in ('artist', 'song')),
    forecast_on date not null,
    source text not null,
    metric text not null,
    entity_id text not null,
    horizon_days smallint not null,
    artist_id text,
    track_ids text [],
    method text not null,
    origins integer not null,
    mean_absolute_error double precision,
    naive_mean_absolute_error double precision,
    interval_coverage double precision check (interval_coverage between 0 and 1),
    interval_origins integer not null,
    formula_version integer not null,
    primary key (entity, forecast_on, source, metric, entity_id, horizon_days)
);
create index on forecasts.backtests (source, entity_id, metric, forecast_on);

comment on table forecasts.backtests is
'What the method of a forecast would have been off by on earlier days of the same series. Grain: one row per row of forecasts.forecasts.';
comment on column forecasts.backtests.origins is
'How many earlier days, with an observation on each and horizon_days later, it was judged on.';
comment on column forecasts.backtests.mean_absolute_error is 'Of the method, over these days; null without any.';
comment on column forecasts.backtests.naive_mean_absolute_error is 'Of the last value, over the same days.';
comment on column forecasts.backtests.interval_coverage is
'Share of outcomes that were within the interval as it would have been given then; null without any.';
comment on column forecasts.backtests.interval_origins is 'How many outcomes, a week apart, that share is of.';

create view forecasts.shown_forecasts as
select
    f.entity,
    f.source,
    f.metric,
    f.entity_id,
    f.artist_id,
    f.forecast_on,
    f.horizon_days,
    f.target_date,
    f.last_value,
    f.value,
    f.low_80,
    f.high_80,
    f.method,
    b.mean_absolute_error,
    b.naive_mean_absolute_error,
    b.interval_coverage
from forecasts.forecasts as f
inner join forecasts.backtests as b using (entity, forecast_on, source, metric, entity_id, horizon_days)
where f.is_shown and f.forecast_on = (select max(n.forecast_on) from forecasts.forecasts as n where n.entity = f.entity);

comment on view forecasts.shown_forecasts is
'The forecasts of the newest day that are worth reading, with the errors that say so. Grain: one row per entity, source, metric, entity_id and horizon_days.';
