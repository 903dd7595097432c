{#- What an audio feature is called where it is stored; the musical key is left out, for its numbers run in a circle. -#}
{% macro audio_feature_names() -%}
{{ return([
    'acousticness', 'danceability', 'duration_ms', 'energy', 'instrumentalness', 'liveness', 'loudness', 'mode',
    'speechiness', 'tempo', 'time_signature', 'valence',
]) }}
{%- endmacro %}


{#-
Whether a track id of one source names the track of that id in another: within a source it does, and across sources if it
has the form of a Spotify track id, which is the same track whoever wrote it down. Other services count from 1.
-#}
{% macro is_same_track(one, other) -%}
({{ one }}.source = {{ other }}.source or {{ one }}.track_id ~ '^[0-9A-Za-z]{22}$')
{%- endmacro %}


{#- Half the width of a 95 % interval in standard errors of a normal distribution. -#}
{% macro normal_95() -%}1.959963984540054{%- endmacro %}


{#- One end of the 95 % interval of a correlation: Fisher's z with the given variance of z, and back. -#}
{% macro fisher_end(correlation, variance, sign) -%}
tanh(atanh({{ correlation }}) {{ sign }} {{ normal_95() }} * sqrt({{ variance }}))
{%- endmacro %}
