{{ config(materialized='view') }}

{% set features = audio_feature_names() %}

-- noqa: disable=LT02
with

audio_features as (

    select * from {{ ref('stg_audio_features') }}

),

final as (

    select
        audio_features.source,
        audio_features.track_id,
        features.feature,
        features.value -- noqa: RF04
    from audio_features
    cross join lateral (
        values
        {% for feature in features -%}
        ('{{ feature }}', cast(audio_features.{{ feature }} as double precision)){{ ',' if not loop.last }}
        {% endfor -%}
    ) as features (feature, value) -- noqa: RF04
    where features.value is not null

)

select * from final
